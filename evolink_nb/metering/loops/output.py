"""A loop's bar as a notebook output, updated in place: saved notebooks keep how the loop ended."""

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
        """Prepare an output; nothing is shown yet.

        Args:
            shell: The shell of the kernel that runs the cell.
        """
        self._publisher = shell.display_pub
        self._id = secrets.token_hex(16)
        # Output from other threads must go to the same cell.
        self._context = contextvars.copy_context()
        self._lock = threading.Lock()
        self._shown: dict[str, str] = {}

    def show(self, view: LoopView) -> None:
        """Show a view in place of the previous one.

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
    """Return the shell of the kernel that this code runs in; None outside a kernel.

    IPython is not imported for this: if it isn't loaded, there is no kernel.
    """
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell if hasattr(shell, "kernel") else None
