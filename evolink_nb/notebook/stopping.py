"""Stops a cell through IPython's own mechanisms, shows why, and restores everything afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from subprocess import CalledProcessError
from typing import TYPE_CHECKING, Any

from ..errors import BudgetExceeded
from ..metering.budgets.ending import RUNS_ON
from ..metering.budgets.gate import gate
from ..metering.budgets.registry import budgets
from ..metering.interrupt import InterruptTarget
from ..metering.interrupts.raising import is_due_to

if TYPE_CHECKING:
    from types import TracebackType

    from .running import RunningCell, RunningCells


HANDLER = ("handle_msg", "comm_msg", "dispatch_shell")
"""The functions that handle a front end's message, innermost first."""
SHOWN_AS_STOPS = (*InterruptTarget.INTERRUPTS, BudgetExceeded, CalledProcessError)
"""What a stopped cell may raise; IPython raises the last when ``%%bash`` is interrupted."""


class BudgetTraceback:
    """Shows a budget's stop instead of the interrupt that delivered it to the cell, until `end`.

    Attributes:
        shown: Whether it has shown one.
    """

    def __init__(self, shell: Any) -> None:
        """Take precedence over the shell's custom exception handler, for the exceptions of an interrupt.

        Args:
            shell: The shell that shows tracebacks.
        """
        self.shown = False
        self._shell = shell
        self._before = shell.custom_exceptions, shell.CustomTB
        shell.set_custom_exc((*SHOWN_AS_STOPS, *self._before[0]), self._show)
        self._own = shell.CustomTB

    def end(self) -> None:
        """Restore the previous handler, unless the cell has set another."""
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
        exceeded = budgets.stopped(threading.get_ident())
        is_interrupt = isinstance(error, InterruptTarget.INTERRUPTS)
        if exceeded is not None and (is_interrupt or is_due_to(error, exceeded)):
            self.shown = True
            # An interrupt by the user only ends this wait.
            with contextlib.suppress(KeyboardInterrupt):
                budgets.conclude_thread()
            self._show_without_debugger(exceeded)
            return None
        handled, handler = self._before
        if handled and isinstance(error, handled):
            shown: list[str] | None = handler(kind, error, trace, tb_offset=tb_offset)
            return shown
        shell.showtraceback((kind, error, trace), running_compiled_code=True)
        return None

    def _show_without_debugger(self, exceeded: BudgetExceeded) -> None:
        """Show a stop without opening the debugger of ``%pdb on``: the work did nothing wrong."""
        shell = self._shell
        before, shell.call_pdb = shell.call_pdb, False
        try:
            shell.showtraceback((type(exceeded), exceeded, None))
        finally:
            shell.call_pdb = before


class CellStops:
    """Lets budgets stop the cells of one shell, and shows which budget did."""

    def __init__(self, shell: Any, running: RunningCells) -> None:
        """Serve one shell.

        Args:
            shell: The shell whose cells these are.
            running: The cells running in it.
        """
        self._shell = shell
        self._running = running
        self._handles_message = False
        if running.outermost is not None:
            self._listen_during(running.outermost)

    def begin(self, cell: RunningCell) -> None:
        """Let the session budgets watch a cell that begins, if it encloses all others.

        Args:
            cell: The cell, which may have a budget of its own.
        """
        self.end_message()
        is_outermost = cell is self._running.outermost
        if is_outermost:
            gate.begin_cell()
            self._listen_during(cell)
            budgets.begin_work(target_of_cell())
        has_own = cell.metered is not None and cell.metered.budget is not None
        if has_own or (is_outermost and budgets.any_armed()):
            self._show_stops_of(cell)

    def end(self, over: list[RunningCell], error: BaseException | None) -> BudgetExceeded | None:
        """End the budgets' watch, and restore what was changed for a cell.

        Args:
            over: The cell that has ended, preceded by its parts; empty if another cell has ended, or if this
                one's end will not be announced.
            error: What the cell raised.

        Returns:
            The `BudgetExceeded` of the budget that stopped it; None if the cell itself raised that.
        """
        exceeded = self._end_budgets(over, error)
        for cell in over:
            cell.restore.close()
        # The cell may have failed in another way; nothing is added to that error.
        is_shown = any(cell.traceback is not None for cell in over)
        is_its_error = exceeded is not None and exceeded.is_same(error)
        return exceeded if is_shown and not is_its_error else None

    def show(self, exceeded: BudgetExceeded, ended: list[RunningCell]) -> None:
        """Show what stopped a cell, unless that has already been shown instead of the cell's own error.

        Args:
            exceeded: The stop.
            ended: The cell that has ended, preceded by its parts.
        """
        if not any(cell.traceback is not None and cell.traceback.shown for cell in ended):
            self._shell.showtraceback((type(exceeded), exceeded, None))

    def begin_message(self) -> None:
        """Let the session budgets watch what a front end's message, such as a click, calls between cells."""
        if self._running or self._handles_message or not budgets.sessions:
            return
        self._handles_message = True
        # A stop is raised through IPython's caller, which then announces no end.
        asyncio.get_running_loop().call_soon(self.end_message)
        budgets.begin_work(InterruptTarget(within=HANDLER, is_handler=True), is_brief=True)

    def end_message(self) -> None:
        """End the budgets' watch; they have reported any stop. Do nothing if no message is being handled."""
        if self._handles_message:
            self._handles_message = False
            budgets.end_work()

    def let_go(self, cell: RunningCell) -> None:
        """Restore what was changed for a cell whose end was never announced.

        Args:
            cell: The cell.
        """
        if cell.metered is not None:
            cell.metered.abandon()
        cell.restore.close()

    def _end_budgets(self, over: list[RunningCell], error: BaseException | None) -> BudgetExceeded | None:
        """End the watch of all budgets on the cell, and return the stop of the one that stopped it."""
        own = [cell.metered.budget for cell in over if cell.metered is not None]
        ends: list[Callable[[BaseException | None], BudgetExceeded | None]] = [
            each.disarm for each in own if each is not None
        ]
        if not self._running:
            ends += [budgets.end_work, budgets.disarm_thread]
        exceeded = None
        for end in ends:
            # An interrupt by the user comes too late for the cell; it must not leave other budgets armed.
            with contextlib.suppress(KeyboardInterrupt):
                stop = end(error)
                exceeded = exceeded or stop
        left = [each.exceeded.still_running for each in budgets.sessions if each.exceeded is not None]
        measured = [cell.metered.measurement for cell in over if cell.metered is not None]
        for measurement in measured:
            if measurement is not None and any(left):
                measurement.mark_shared(f"{RUNS_ON}: {next(filter(None, left))}")
        return exceeded

    def _listen_during(self, cell: RunningCell) -> None:
        """Listen, while a cell runs, for budgets that it sets."""
        budgets.add_listener(self._note_session)
        cell.restore.callback(budgets.remove_listener, self._note_session)

    def _note_session(self) -> None:
        """Arrange to show the stop of a budget set by the running cell: it may stop that very cell."""
        cell = self._running.outermost
        if cell is not None and cell.traceback is None:
            self._show_stops_of(cell)

    def _show_stops_of(self, cell: RunningCell) -> None:
        cell.traceback = traceback = BudgetTraceback(self._shell)
        cell.restore.callback(traceback.end)


def target_of_cell() -> InterruptTarget:
    """Return the running cell as an interrupt target."""
    # Once its code is done, a cell is still finishing, and its caller is waiting for the reply.
    return InterruptTarget(within=("run_code", "run_cell", "run_cell_async"))
