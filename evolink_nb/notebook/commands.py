"""The behaviour of the magics. `magics` imports this when one is first used; `spending` comes later still."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.display import display

from ..api import credentials, settings
from ..card import render as card
from ..errors import EvoLinkError
from ..formatting import may_style
from ..metering.attribution.quiet import quiet_times
from ..thread_time import own_wait
from .accounts import Accounts, ask_for_key, names_account
from .kept import past
from .kept.forecasts import Forecasts
from .kept.recording import recordings
from .live.live_cards import LiveCards
from .running import is_metering_imported

if TYPE_CHECKING:
    import argparse

    from ..credits import Credits
    from ..errors import BudgetExceeded
    from ..polling.fetcher import CreditsFetcher
    from .configured.configuration import EvoLinkSettings
    from .running import RunningCell, RunningCells
    from .spending import Spending


class Commands:
    """The magics' behaviour in one shell, and what they have shown there.

    Attributes:
        cards: The live cards shown in the shell.
    """

    def __init__(self, shell: Any, running: RunningCells, settings: EvoLinkSettings) -> None:
        """Serve one shell.

        Args:
            shell: The shell whose magics these are.
            running: The cells running in it.
            settings: Its settings.
        """
        self._shell = shell
        self._running = running
        self._settings = settings
        self._recording = recordings.begin()
        self._accounts = Accounts(self._follow)
        self._spending: Spending | None = None
        self._forecasts = Forecasts()
        self._last: tuple[Credits, Callable[[], dict[str, str]]] | None = None
        self.cards = LiveCards(shell, running, self._accounts.use)
        self.apply_settings()

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
    def show_past(self, options: argparse.Namespace) -> Any:
        """Show what was spent, by earlier kernels too, as the options of ``%evolink_history`` say.

        Args:
            options: The options of the magic.
        """
        return past.show_history(options)

    def apply_settings(self) -> None:
        """Apply the shell's settings to the live cards, and to whatever is measured."""
        quiet_times.begin_with(self._settings.quiet)
        self.cards.apply_settings(
            every=self._settings.interval,
            warn_below=self._settings.warn_below or None,
            critical_below=self._settings.critical_below or None,
            credits_per_dollar=self._settings.credits_per_dollar,
        )

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

    # -- cells -----------------------------------------------------------------------------------------

    @property
    def spending(self) -> Spending:
        """What cells spend; imported and created on first use."""
        if self._spending is None:
            from .spending import Spending  # noqa: PLC0415 - lazy: it imports half of the package

            self._spending = Spending(self._shell, self._running, self._accounts, self._settings)
        return self._spending

    def at_cell_end(self, ended: list[RunningCell], result: Any) -> None:
        """Settle the cost of a cell, and update what a saved notebook would contain.

        Args:
            ended: The cell, preceded by any inside it whose end was never announced.
            result: IPython's result of the cell; None if no more events will come for any of these cells.
        """
        if is_metering_imported():
            self.spending.at_cell_end(ended, result)
        self.cards.at_cell_end()
        if result is not None:
            self._recording.at_cell_end()

    def at_silent_end(self, ended: list[RunningCell], error: BaseException | None) -> BudgetExceeded | None:
        """Settle the cost of a cell that has no events.

        Args:
            ended: The cell, preceded by any inside it whose end was never announced.
            error: What the cell raised.

        Returns:
            The `BudgetExceeded` of the budget that stopped it, unless the cell itself raised that.
        """
        exceeded = self.spending.cells.end(ended, error) if is_metering_imported() else None
        self.cards.at_cell_end()
        return exceeded

    def stop(self) -> None:
        """Stop measuring cells, close the live cards, and leave every other output as it is."""
        if self._spending is not None:
            self._spending.cells.stop()
        self.cards.stop()
        self._accounts.stop()
        self._forecasts.stop()
        recordings.end()
        self._last = None

    def _follow(self, before: CreditsFetcher | None, now: CreditsFetcher | None) -> None:
        """Switch everything that reads the default account to the new one, or say what isn't switched."""
        said = self.spending.follow(before, now) if is_metering_imported() else []
        for line in filter(None, [*said, self.cards.follow(now)]):
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
