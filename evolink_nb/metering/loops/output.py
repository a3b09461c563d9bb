"""A loop's bar as an output of a notebook, amended in place: saved files keep how the loop ended."""

from __future__ import annotations

import contextvars
import secrets
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .view import LoopView


class LoopOutput:
    """One output under the cell that runs a loop."""

    def __init__(self, shell: Any) -> None:
        """Show nothing yet.

        Args:
            shell: The shell of the kernel that runs the cell.
        """
        self._publisher = shell.display_pub
        self._id = secrets.token_hex(16)
        # What other threads show belongs to the same cell.
        self._context = contextvars.copy_context()
        self._lock = threading.Lock()
        self._shown: dict[str, str] = {}

    def show(self, view: LoopView) -> None:
        """Show a view in place of the last.

        Args:
            view: The view.
        """
        bundle = view.mimebundle()
        with self._lock:
            if bundle != self._shown:
                update = bool(self._shown)
                self._shown = bundle
                self._context.copy().run(
                    self._publisher.publish, bundle, transient={"display_id": self._id}, update=update
                )


def notebook_shell() -> Any:
    """Return the shell of the kernel that this runs in; None outside a kernel.

    It is found without importing IPython: where that isn't loaded, there is no kernel.
    """
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell if hasattr(shell, "kernel") else None
