"""The moment before a cell's code runs, whether or not IPython announces the cell.

IPython's cell events don't come for what it runs silently: ``ipython nb.ipynb``, an execute request with
``silent=True``. And a cell runs whatever their handlers raise. Its AST transformers see the code of every
cell right before it runs, and may reject it.
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

if TYPE_CHECKING:
    from ..errors import BudgetExceeded
    from .magics import EvoLinkMagics
    from .running import RunningCell, RunningCells

_BUDGETS = "evolink_nb.metering.budgets.registry"
_REGISTRY = "get_ipython().magics_manager.registry['EvoLinkMagics']"


def call_of_line(options: str) -> str:
    """Return the call that stands in place of a ``%%evolink_credits …`` line, in IPython's own style.

    Args:
        options: The text after the magic's name.

    Returns:
        An expression without a value. Its ``None`` stands for the code after it, which runs as ever.
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
    """Begins what measures and watches a cell when its code is about to run."""

    def __init__(self, shell: Any, magics: EvoLinkMagics, running: RunningCells) -> None:
        """Serve one shell.

        Args:
            shell: The shell whose cells these are.
            magics: The magics, which know what is to be begun.
            running: The cells running in the shell.
        """
        self._magics = magics
        self._running = running
        self._in_kernel = hasattr(shell, "kernel")
        self._unannounced: tuple[RunningCell, FrameType | None] | None = None

    @property
    def is_needed(self) -> bool:
        """Whether there may be anything to begin; otherwise none of this package's modules is imported."""
        return self._magics.is_used or _BUDGETS in sys.modules

    def visit(self, node: Any) -> Any:
        """Begin a cell.

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
        # Anything else is run by a running cell, and belongs to that.
        return node

    @contextlib.contextmanager
    def unannounced(self, source: str, *, has_line: bool) -> Iterator[None]:
        """Return a context that takes the place of the events for a cell that has none.

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

        In a terminal an interrupt ends the event loop in which a cell awaits, not the cell. Comm messages and
        cells inside the cell end with this event, too.
        """
        if self._unannounced is None:
            return
        cell, call = self._unannounced
        if call is not None and call is _innermost_call(InteractiveShell.run_cell):
            stop = self._end(cell, None)
            if stop is not None:
                self._magics.commands.cells.stops.show(stop, [cell])

    def _end(self, cell: RunningCell, error: BaseException | None) -> BudgetExceeded | None:
        self._unannounced = None
        ended = self._running.end_cell(cell)
        is_known = bool(ended) and self._magics.is_used
        return self._magics.commands.at_silent_end(ended, error) if is_known else None

    def _begin(self, cell: RunningCell, *, has_line: bool) -> None:
        if self._magics.watches_cells:
            self._magics.begin_configured()
        if has_line:
            return  # it begins the cell itself, as the first that the cell does
        cell.has_begun = True
        if self.is_needed:
            with refuse_on_failure(
                SESSION_BUDGET, instead=None if _has_session_budget() else report_unmeasured
            ):
                self._magics.commands.cells.begin(cell)

    def _wants_unannounced(self) -> bool:
        """Return whether to begin a cell that IPython runs silently, though it has no line.

        A front end runs code of its own that way, which nothing but a budget is to hear of. A terminal runs
        the cells of a file that way.
        """
        if self._magics.budget or _has_session_budget():
            return True
        return (self.is_needed or self._magics.track) and not self._in_kernel


def _enclose(module: ast.Module, *, has_line: bool) -> None:
    """Put a cell's statements into a context: a silent cell shows no value, which this would lose."""
    ahead = [each for each in module.body if isinstance(each, ast.ImportFrom) and each.module == "__future__"]
    body = [each for each in module.body if each not in ahead]
    if body:
        call = f"{_REGISTRY}.unannounced({ast.unparse(module)!r}, has_line={has_line})"
        block = ast.With(items=[ast.withitem(ast.parse(call, mode="eval").body)], body=body)
        module.body = [*ahead, ast.copy_location(block, module.body[0])]


def _has_session_budget() -> bool:
    registry = sys.modules.get(_BUDGETS)
    return registry is not None and bool(registry.budgets.sessions)


def _innermost_call(function: Callable[..., object]) -> FrameType | None:
    """Return the frame of this thread's innermost running call of a Python function, if any."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code is not function.__code__:
        frame = frame.f_back
    return frame
