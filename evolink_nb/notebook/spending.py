"""What the work in a shell spends: `commands` imports this when anything is first measured or limited.

It is half of the package, which a user who only looks at the balance needn't wait for.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from ..metering.report import Costs
from ..thread_time import own_wait
from . import session_budgets
from .accounts import DEFAULT_ACCOUNT, names_account
from .cells import Cells
from .configured.budget import ConfiguredBudget
from .configured.tracking import ConfiguredTracking
from .kept import past

if TYPE_CHECKING:
    import argparse

    from ..polling.fetcher import CreditsFetcher
    from .accounts import Accounts
    from .configured.configuration import EvoLinkSettings
    from .running import RunningCell, RunningCells

TRACKING_ON = "Tracking on: cells that spend will show their cost."
TRACKING_OFF = "Tracking off: only cells with %%evolink_credits show their cost."


class Spending:
    """Measures and limits what one shell's cells spend, and shows what work has cost.

    Attributes:
        cells: Measures the shell's cells.
        configured_budget: The budget set by the configuration.
        configured_tracking: The tracking turned on by the configuration.
    """

    def __init__(
        self, shell: Any, running: RunningCells, accounts: Accounts, settings: EvoLinkSettings
    ) -> None:
        """Serve one shell.

        Args:
            shell: The shell whose cells these are.
            running: The cells running in it.
            accounts: The accounts that its magics read.
            settings: Its settings; a change applies from the next cell on.
        """
        self._accounts = accounts
        self.cells = Cells(shell, running, accounts.fetcher_for, lambda: settings.settle)
        self.configured_budget = ConfiguredBudget()
        self.configured_tracking = ConfiguredTracking(
            self.cells, lambda: accounts.fetcher_for(DEFAULT_ACCOUNT)
        )

    # -- the magics ------------------------------------------------------------------------------------

    @own_wait()
    def track(self, options: argparse.Namespace) -> None:
        """Turn tracking on or off, as the options of ``%evolink_track`` say, and print the state.

        Args:
            options: The options of the magic.

        Raises:
            ConfigurationError: There is no key.
        """
        problem = None
        if options.state:
            self.configured_tracking.leave()
            fetcher = self._accounts.fetcher_for(options) if options.state == "on" else None
            self.cells.track(fetcher, follows=not names_account(options), settle=options.settle)
            problem = fetcher.error if fetcher is not None else None
        print(TRACKING_ON if self.cells.tracking else TRACKING_OFF)
        if problem is not None:
            print(f"Their costs can't be read at the moment: {problem}", file=sys.stderr)

    @own_wait()
    def control_budgets(self, options: argparse.Namespace) -> None:
        """Show, set, change or cancel budgets, as the options of ``%evolink_budget`` say.

        Args:
            options: The options of the magic.

        Raises:
            UsageError: There is no budget of that name.
            EvoLinkError: The balance can't be read, so a new budget can't be set.
        """
        print(session_budgets.control(options, self._accounts.fetcher_for))

    @own_wait()
    def show_costs(self, options: argparse.Namespace) -> Any:
        """Show what work has cost, as the options of ``%evolink_costs`` say.

        Args:
            options: The options of the magic.

        Returns:
            The `Costs`, `Report` or pandas ``DataFrame``; None if they were printed or written to a file.

        Raises:
            UsageError: The file can't be written.
            ConfigurationError: pandas is not installed.
            HistoryError: Costs of earlier kernels were asked for, and there is no history.
        """
        if options.by is not None:
            return past.show_costs_by(options)
        costs = Costs(past.entries_for(options))
        if options.csv == "-":
            print(costs.to_csv(), end="")
            return None
        if options.csv:
            try:
                Path(options.csv).expanduser().write_text(costs.to_csv(), encoding="utf-8")
            except (OSError, RuntimeError) as error:
                reason = getattr(error, "strerror", None) or error
                raise UsageError(f"{options.csv} can't be written: {reason}.") from None
            return None
        return costs.to_pandas() if options.pandas else costs

    # -- the shell -------------------------------------------------------------------------------------

    def follow(self, before: CreditsFetcher | None, now: CreditsFetcher | None) -> list[str]:
        """Switch what follows the default account to the new one.

        Args:
            before: The fetcher of the old one; None if there was none.
            now: The fetcher of the new one; None if there is no key any more.

        Returns:
            What to tell the user, in lines; an empty line if something is not concerned.
        """
        self.configured_budget.follow()
        self.configured_tracking.follow(now)
        return [self.cells.follow(now), session_budgets.left_behind(before)]

    def at_cell_end(self, ended: list[RunningCell], result: Any) -> None:
        """Settle the cost of a cell, and show the error if a budget stopped it.

        Args:
            ended: The cell, preceded by any inside it whose end was never announced.
            result: IPython's result of the cell; None if no more events will come for any of these cells.
        """
        if result is None:
            self.cells.end(ended, None, is_known=False)
            return
        number = result.execution_count if result.info.store_history else None
        exceeded = self.cells.end(ended, result.error_in_exec, number=number)
        if exceeded is not None:
            result.error_in_exec = exceeded
            self.cells.stops.show(exceeded, ended)
