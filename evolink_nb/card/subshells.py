"""Lets a widget respond while a cell runs. The only module that depends on a private name of ipykernel."""

from __future__ import annotations

import inspect
from typing import Any


def answer_beside_running_cells(comm: Any) -> None:
    """Keep ipykernel from queueing the front end's messages behind the running cell.

    JupyterLab sends them to a subshell of the kernel, but ipykernel 7.4 routes each to the shell that last
    published on the comm: for a widget made in a cell, the busy one. This makes the front end's own choice
    apply. The name is private to ipykernel (``ipykernel/comm/comm.py``): if it is missing or takes other
    arguments, nothing is changed, and the button waits for the cell, as those of other widgets do.

    Args:
        comm: A widget's comm; None and objects of other types are left alone.
    """
    route = getattr(comm, "_reply_subshell_for", None)
    try:
        arguments = list(inspect.signature(route).parameters) if route is not None else []
    except (TypeError, ValueError):
        arguments = []
    if arguments == ["data", "default"]:
        comm._reply_subshell_for = lambda data, default: default  # noqa: ARG005 - ipykernel's names
