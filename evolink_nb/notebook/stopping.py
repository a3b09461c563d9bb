"""How a cell is stopped, or not begun, in IPython's own ways: shown as what it is, nothing left behind."""

from __future__ import annotations

import ast
import threading
from typing import TYPE_CHECKING, Any

from IPython.core.error import InputRejected

from ..metering.budget_registry import budgets
from ..metering.interrupt import InterruptTarget

if TYPE_CHECKING:
    from types import TracebackType


class CellRefused(InputRejected):
    """A cell was not run, because what it spends can't be watched."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class CellBlocker(ast.NodeTransformer):
    """Has IPython refuse the next cell, until `end`."""

    def __init__(self, shell: Any, reason: str) -> None:
        """Refuse for this reason."""
        self._shell = shell
        self._reason = reason
        shell.ast_transformers.append(self)

    def visit(self, _node: ast.AST) -> ast.AST:
        """Refuse, whatever the cell is."""
        raise CellRefused(f"The cell was not run: {self._reason}")

    def end(self) -> None:
        """Let cells run again."""
        if self in self._shell.ast_transformers:
            self._shell.ast_transformers.remove(self)


class BudgetTraceback:
    """Shows a budget's stop in place of the interrupt by which it reached the cell, until `end`."""

    def __init__(self, shell: Any) -> None:
        """Take the place of ``shell``'s custom exception handler, for these exceptions in front of it."""
        self.shown = False
        self._shell = shell
        self._before = shell.custom_exceptions, shell.CustomTB
        shell.set_custom_exc((*InterruptTarget.INTERRUPTS, *self._before[0]), self._show)
        self._own = shell.CustomTB

    def end(self) -> None:
        """Give the handler from before its place back, unless the cell has set another."""
        if self._shell.CustomTB is self._own:
            self._shell.custom_exceptions, self._shell.CustomTB = self._before

    def _show(
        self,
        shell: Any,
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType | None,
        tb_offset: int | None = None,
    ) -> list[str] | None:
        exceeded = (
            budgets.stopped(threading.get_ident()) if isinstance(error, InterruptTarget.INTERRUPTS) else None
        )
        if exceeded is not None:
            self.shown = True
            shell.showtraceback((type(exceeded), exceeded, None))
            return None
        handled, handler = self._before
        if handled and isinstance(error, handled):
            shown: list[str] | None = handler(kind, error, trace, tb_offset=tb_offset)
            return shown
        shell.showtraceback((kind, error, trace), running_compiled_code=True)
        return None
