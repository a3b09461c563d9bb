"""The behaviour of the magics. `magics` imports this, with everything it needs, when one is first used."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.display import display

from ..api import credentials, settings
from ..card import render as card
from ..errors import EvoLinkError
from ..formatting import may_style
from ..metering.report import Costs
from ..thread_time import own_wait
from . import session_budgets
from .accounts import Accounts, ask_for_key, names_account
from .cells import Cells
from .configured.budget import ConfiguredBudget
from .configured.tracking import ConfiguredTracking
from .kept import past
from .kept.forecasts import Forecasts
from .kept.recording import recordings
from .live.live_cards import LiveCards

if TYPE_CHECKING:
    from ..credits import Credits
    from ..errors import BudgetExceeded
    from ..polling.fetcher import CreditsFetcher
    from .configured.configuration import EvoLinkSettings
    from .running import RunningCell, RunningCells

DEFAULT_ACCOUNT = argparse.Namespace(demo=False, key_env=None)
"""The options of a magic that name no account."""
TRACKING_ON = "Tracking on: cells that spend will show their cost."
TRACKING_OFF = "Tracking off: only cells with %%evolink_credits show their cost."


class Commands:
    """The magics' behaviour in one shell, and what they have shown there.

    Attributes:
        cells: Measures the shell's cells.
        cards: The live cards shown in the shell.
        configured_budget: The budget set by the configuration.
        configured_tracking: The tracking turned on by the configuration.
    """

    def __init__(self, shell: Any, running: RunningCells) -> None:
        """Serve one shell.

        Args:
            shell: The shell whose magics these are.
            running: The cells running in it.
        """
        self._recording = recordings.begin()
        self._accounts = Accounts(self._follow)
        self.cells = Cells(shell, running, self._accounts.fetcher_for)
        self.cards = LiveCards(shell, running, self._accounts.use)
        self._shell = shell
        self.configured_budget = ConfiguredBudget()
        self.configured_tracking = ConfiguredTracking(
            self.cells, lambda: self._accounts.fetcher_for(DEFAULT_ACCOUNT)
        )
        self._forecasts = Forecasts()
        self._last: tuple[Credits, Callable[[], dict[str, str]]] | None = None

    # -- the magics ------------------------------------------------------------------------------------
    # While one waits, for the balance, a database or a typed key, the cell that it is in spends nothing.

    @own_wait()
    def show_credits(self, options: argparse.Namespace) -> Credits | None:
        """Show the balance as the options of ``%evolink_credits`` say.

        Args:
            options: The options of the magic.

        Returns:
            The reading, if it is to be shown as the magic's value.

        Raises:
            EvoLinkError: The balance can't be read.
        """
        if self.cards.ask_for_key(options):
            return None
        fetcher = self._accounts.fetcher_for(options)
        self._forecasts.follow(fetcher)
        if (options.live or options.html) and hasattr(self._shell, "kernel"):
            self.cards.show(fetcher, options, follows=not names_account(options))
            return None
        if options.live or options.html:
            print("A live card needs a notebook. The balance now:", file=sys.stderr)
        credits = self._read(fetcher, fresh=options.fresh)
        if options.json:
            print(credits.to_json())
            return None
        self._last = credits, lambda: self.cards.bundle(fetcher, options, styled=self._shows_style)
        return credits

    @own_wait()
    def log_in(self, options: argparse.Namespace) -> Credits | None:
        """Prompt for a key and use it, or forget it, as the options of ``%evolink_login`` say.

        Args:
            options: The options of the magic.

        Returns:
            The first reading with the key; None if it was forgotten.

        Raises:
            EvoLinkError: The user can't be prompted, or the balance can't be read with the key.
        """
        if options.forget:
            credentials.login.forget()
            self._accounts.find_default()
            return None
        key = ask_for_key()
        fetcher = self._accounts.fetcher_with(key)
        credits = self._read(fetcher)
        credentials.login.enter(key)
        self._accounts.use(fetcher)
        if options.save:
            credentials.save_key(key, settings.connection(key, demo=False).base_url)
        return credits

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

    def apply_settings(self, settings: EvoLinkSettings) -> None:
        """Apply the configuration, to cells from the next one on and to live cards at once.

        Args:
            settings: The settings.
        """
        self.cells.apply_settings(quiet=settings.quiet, settle=settings.settle)
        self.cards.apply_settings(
            every=settings.interval,
            warn_below=settings.warn_below or None,
            critical_below=settings.critical_below or None,
            credits_per_dollar=settings.credits_per_dollar,
        )

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

    @own_wait()
    def show_past(self, options: argparse.Namespace) -> Any:
        """Show what was spent, by earlier kernels too, as the options of ``%evolink_history`` say.

        Args:
            options: The options of the magic.
        """
        return past.show_history(options)

    # -- display ---------------------------------------------------------------------------------------

    def bundle(self, credits: Credits) -> dict[str, str]:
        """Return the card of a reading; the latest is shown with the options of its magic.

        Args:
            credits: The reading.

        Returns:
            The card by media type.
        """
        if self._last is not None and self._last[0] is credits:
            return self._last[1]()
        return card.CardView(credits).mimebundle(styled=self._shows_style)

    @property
    def _shows_style(self) -> bool:
        """Whether text is shown in a terminal that has bold type and colour."""
        is_plain = hasattr(self._shell, "kernel") or self._shell.colors.lower() == "nocolor"
        return not is_plain and may_style(sys.stdout)

    def at_cell_end(self, ended: list[RunningCell], result: Any) -> None:
        """Settle the cost of a cell, and update what a saved notebook would contain.

        Args:
            ended: The cell, preceded by any inside it whose end was never announced.
            result: IPython's result of the cell; None if no more events will come for any of these cells.
        """
        if result is None:
            self.cells.end(ended, None, is_known=False)
            self.cards.at_cell_end()
            return
        number = result.execution_count if result.info.store_history else None
        exceeded = self.cells.end(ended, result.error_in_exec, number=number)
        if exceeded is not None:
            result.error_in_exec = exceeded
            self.cells.stops.show(exceeded, ended)
        self.cards.at_cell_end()
        self._recording.at_cell_end()

    def at_silent_end(self, ended: list[RunningCell], error: BaseException | None) -> BudgetExceeded | None:
        """Settle the cost of a cell that has no events.

        Args:
            ended: The cell, preceded by any inside it whose end was never announced.
            error: What the cell raised.

        Returns:
            The `BudgetExceeded` of the budget that stopped it, unless the cell itself raised that.
        """
        exceeded = self.cells.end(ended, error)
        self.cards.at_cell_end()
        return exceeded

    def stop(self) -> None:
        """Stop measuring cells, close the live cards, and leave every other output as it is."""
        self.cells.stop()
        self.cards.stop()
        self._accounts.stop()
        self._forecasts.stop()
        recordings.end()
        self._last = None

    def _follow(self, before: CreditsFetcher | None, now: CreditsFetcher | None) -> None:
        """Switch everything that reads the default account to the new one, or say what isn't switched."""
        self.configured_budget.follow()
        self.configured_tracking.follow(now)
        said = [self.cells.follow(now), self.cards.follow(now), session_budgets.left_behind(before)]
        for line in filter(None, said):
            print(line, file=sys.stderr)

    def _read(self, fetcher: CreditsFetcher, *, fresh: bool = False) -> Credits:
        """Read now; on failure, show the last reading with its age, then raise."""
        try:
            return fetcher.read(join=not fresh)
        except EvoLinkError:
            if fetcher.credits is not None:
                age = fetcher.clock.monotonic() - fetcher.credits.monotonic
                stale = card.CardView(fetcher.credits, "stale", age=age, notice=fetcher.notice)
                display(stale.mimebundle(styled=self._shows_style), raw=True)
            raise
