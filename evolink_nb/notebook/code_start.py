"""Begins a cell right before its code runs, whether or not IPython announces the cell.

IPython fires no cell events for code that it runs silently: ``ipython nb.ipynb``, or an execute request with
``silent=True``. And it runs a cell whatever their handlers raise. AST transformers see the code of every cell
right before it runs, and may reject it.
"""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell

from .refusal import SESSION_BUDGET, refuse_on_failure, report_unmeasured
from .running import BUDGETS, is_metering_imported

if TYPE_CHECKING:
    from ..errors import BudgetExceeded
    from .magics import EvoLinkMagics
    from .running import RunningCell, RunningCells

_REGISTRY = "get_ipython().magics_manager.registry['EvoLinkMagics']"


def call_of_line(options: str) -> str:
    """Return the call that replaces a ``%%evolink_credits …`` line, in IPython's own style.

    Args:
        options: The text after the magic's name.

    Returns:
        An expression without a value. Its ``None`` stands for the code after it, which runs as usual.
    """
    return f"get_ipython().run_cell_magic('evolink_credits', {options!r}, None)"


_CALL = ast.dump(ast.parse(call_of_line("")).body[0])


def is_line(statement: ast.stmt) -> bool:
    """Return whether a statement is the call that `call_of_line` returns.

    Args:
        statement: A statement of a cell.
    """
    match statement:
        case ast.Expr(ast.Call(func=ast.Attribute(attr="run_cell_magic") as func, args=[name, _, code])):
            blank = ast.Expr(ast.Call(func, [name, ast.Constant(""), code], []))
            return ast.dump(blank) == _CALL
    return False


class CodeStart(ast.NodeTransformer):
    """Starts measuring and watching a cell when its code is about to run."""

    def __init__(self, shell: Any, magics: EvoLinkMagics, running: RunningCells) -> None:
        """Serve one shell.

        Args:
            shell: The shell whose cells these are.
            magics: The magics, which know whether to measure or watch it.
            running: The cells running in the shell.
        """
        self._magics = magics
        self._running = running
        self._in_kernel = hasattr(shell, "kernel")
        self._unannounced: tuple[RunningCell, FrameType | None] | None = None

    def visit(self, node: Any) -> Any:
        """Begin a cell; called by IPython.

        Args:
            node: The cell's syntax tree.

        Returns:
            The tree to run.

        Raises:
            CellRefused: The cell was to be watched, and can't be.
        """
        has_line = bool(node.body) and is_line(node.body[0])
        cell = self._running.announced
        if cell is not None:
            self._begin(cell, has_line=has_line)
        elif not self._running and (has_line or self._wants_unannounced()):
            _enclose(node, has_line=has_line)
        # Anything else is run by a running cell, and is part of it.
        return node

    @contextlib.contextmanager
    def unannounced(self, source: str, *, has_line: bool) -> Iterator[None]:
        """Begin and end a cell for which IPython fires no events; a context manager around its code.

        Args:
            source: The cell's code.
            has_line: Whether it begins with the magic's line.

        Raises:
            BudgetExceeded: A budget stopped the cell.
        """
        cell = self._running.begin_unannounced(source)
        self._unannounced = cell, _innermost_call(InteractiveShell.run_cell)
        error: BaseException | None = None
        try:
            self._begin(cell, has_line=has_line)
            yield
        except BaseException as caught:
            error = caught
            raise
        finally:
            stop = self._end(cell, error)
            if stop is not None:
                raise stop from None

    def at_execution_end(self) -> None:
        """End a cell without events whose code was left suspended; handles ``post_execute``.

        In a terminal, an interrupt ends the event loop in which a cell awaits, not the cell. This event also
        fires at the end of comm messages, and of cells inside the cell.
        """
        if self._unannounced is None:
            return
        cell, call = self._unannounced
        if call is not None and call is _innermost_call(InteractiveShell.run_cell):
            stop = self._end(cell, None)
            if stop is not None:
                self._magics.commands.spending.cells.stops.show(stop, [cell])

    def _end(self, cell: RunningCell, error: BaseException | None) -> BudgetExceeded | None:
        self._unannounced = None
        ended = self._running.end_cell(cell)
        is_known = bool(ended) and self._magics.is_used
        return self._magics.commands.at_silent_end(ended, error) if is_known else None

    def _begin(self, cell: RunningCell, *, has_line: bool) -> None:
        if self._magics.watches_cells:
            self._magics.begin_configured()
        if has_line:
            return  # the line is the cell's first statement, and begins the cell itself
        cell.has_begun = True
        if is_metering_imported():
            with refuse_on_failure(
                SESSION_BUDGET, instead=None if _has_session_budget() else report_unmeasured
            ):
                self._magics.commands.spending.cells.begin(cell)

    def _wants_unannounced(self) -> bool:
        """Return whether to begin a cell that IPython runs silently and that has no line.

        Front ends run code of their own silently; only a budget has to watch that. A terminal runs the cells
        of a file silently.
        """
        if self._magics.budget or _has_session_budget():
            return True
        return (is_metering_imported() or self._magics.track) and not self._in_kernel


def _enclose(module: ast.Module, *, has_line: bool) -> None:
    """Wrap a cell's statements in a ``with`` block; it loses the cell's value, but silent cells show none."""
    ahead = [each for each in module.body if isinstance(each, ast.ImportFrom) and each.module == "__future__"]
    body = [each for each in module.body if each not in ahead]
    if body:
        call = f"{_REGISTRY}.unannounced({ast.unparse(module)!r}, has_line={has_line})"
        block = ast.With(items=[ast.withitem(ast.parse(call, mode="eval").body)], body=body)
        module.body = [*ahead, ast.copy_location(block, module.body[0])]


def _has_session_budget() -> bool:
    registry = sys.modules.get(BUDGETS)
    return registry is not None and bool(registry.budgets.sessions)


def _innermost_call(function: Callable[..., object]) -> FrameType | None:
    """Return the frame of this thread's innermost running call of a Python function, if any."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code is not function.__code__:
        frame = frame.f_back
    return frame
