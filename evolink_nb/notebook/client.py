"""Detects the kind of front end that runs a cell: what it does with outputs amended after the cell's end."""

from __future__ import annotations

import sys
from enum import Enum
from typing import Any


class Client(Enum):
    """A kind of front end."""

    NOTEBOOK = "notebook"
    """Amends outputs in place at any time."""
    BATCH = "batch"
    """Runs a notebook without a user (nbconvert, papermill): amends outputs while a cell is running."""
    CONSOLE = "console"
    """Shows each output once (IPython in a terminal, ``jupyter console``, qtconsole)."""

    @property
    def amends(self) -> bool:
        """Whether an output can be amended at all."""
        return self is not Client.CONSOLE


def client_of(shell: Any) -> Client:
    """Return the kind of front end that runs the current cell.

    Args:
        shell: The shell that runs it.
    """
    if not hasattr(shell, "kernel"):
        return Client.CONSOLE
    return choose_client(request_of(shell), in_colab="google.colab" in sys.modules)


def request_of(shell: Any) -> dict[str, Any]:
    """Return the request that a kernel is handling, as the messaging protocol defines it.

    Args:
        shell: The kernel's shell. In Pyodide only the kernel knows the request.
    """
    get_parent = getattr(shell, "get_parent", None) or shell.kernel.get_parent
    request: dict[str, Any] = get_parent()
    return request


def choose_client(request: dict[str, Any], *, in_colab: bool) -> Client:
    """Return the kind of front end that sent a request.

    Args:
        request: The request to execute a cell, as the messaging protocol defines it.
        in_colab: Whether this is a kernel of Google Colab's.
    """
    if not request.get("content", {}).get("allow_stdin", True):
        return Client.BATCH
    # Notebook front ends send the cell's id; Colab doesn't.
    has_cell = "cellId" in request.get("metadata", {})
    return Client.NOTEBOOK if has_cell or in_colab else Client.CONSOLE
