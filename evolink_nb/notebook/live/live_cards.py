"""The live cards shown in one shell, and the static ones that a saved notebook keeps."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from IPython.display import display

from ...api import settings
from ...card.kernel_idle import kernel_idle
from ...card.login import keyless_fetcher, lacks_key
from ..accounts import names_account
from ..client import Client, client_of
from ..outputs import LiveOutput, static_fallback
from .html_card import HtmlCard, static_bundle
from .places import Run, Shown, without_gone

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...card.widget import CreditsWidget
    from ...polling.fetcher import CreditsFetcher
    from ..running import RunningCells

HTML_RESTS_AFTER = 300.0
"""Seconds idle after which a plain HTML card waits for the next cell: it can't know whether it is seen."""


class LiveCards:
    """The live cards of one shell: widgets, and plain HTML cards.

    Attributes:
        html_rests_after: Seconds idle after which a plain HTML card waits for the next cell.
    """

    def __init__(self, shell: Any, running: RunningCells, on_login: Callable[[CreditsFetcher], None]) -> None:
        """Start with none.

        Args:
            shell: The shell.
            running: The cells running in it.
            on_login: Called with the fetcher for a key that was entered on a card.
        """
        self._on_login = on_login
        self.html_rests_after = HTML_RESTS_AFTER
        self._shell = shell
        self._running = running
        self._settings: dict[str, Any] = {"every": settings.INTERVAL}
        self._live: list[Shown] = []
        self._html: dict[CreditsFetcher, HtmlCard] = {}
        kernel_idle.follow(lambda: running.idle_seconds)

    def show(self, fetcher: CreditsFetcher, options: argparse.Namespace, *, follows: bool) -> None:
        """Show a live card.

        Args:
            fetcher: The fetcher that reads the account.
            options: The options of ``%evolink_credits``.
            follows: Whether to follow the default account when it changes.
        """
        if options.html:
            self._show_html(
                HtmlCard(
                    fetcher, lambda: self._completed(options), follows=follows, wanted=self._is_html_wanted
                )
            )
        else:
            self._show_live(None if follows else fetcher, options)

    def ask_for_key(self, options: argparse.Namespace) -> bool:
        """Show a live card that asks for the key, if there is none and the front end shows widgets.

        Args:
            options: The options of ``%evolink_credits``.

        Returns:
            Whether it is shown.

        Raises:
            ConfigurationError: There is a key, but it can't be used.
        """
        is_default = options.live and not names_account(options)
        if not is_default or client_of(self._shell) is not Client.NOTEBOOK or not lacks_key():
            return False
        self._show_live(keyless_fetcher(), options)
        return True

    def show_widget(self, widget: CreditsWidget, options: argparse.Namespace | None = None) -> None:
        """Show a live card, followed by a static one for the saved notebook.

        Args:
            widget: The card.
            options: The options of the magic that made it; None for any other card. A magic's card is closed
                when its cell is run again, as no variable can hold it.
        """
        display(widget.view(), raw=True)
        output = LiveOutput(
            widget.fetcher, lambda: static_fallback(widget.render()), wanted=lambda: widget.visible
        )
        widget.when_switched(output.switch, self._on_login)
        run = Run.current(self._shell)
        # The new card is attached before old ones are closed: reading goes on without a break.
        self._live = without_gone(
            [*self._live, Shown(widget, output, run, owned=options is not None, options=options)], run
        )

    def apply_settings(self, **settings: Any) -> None:
        """Use these values for options that weren't typed, on the cards already shown too.

        Args:
            **settings: The values by the options' names.
        """
        if settings == self._settings:
            return
        self._settings = settings
        for shown in self._live:
            if shown.options is None or not shown.widget.comm:
                continue
            options, widget = self._completed(shown.options), shown.widget
            widget.warn_below, widget.critical_below = options.warn_below, options.critical_below
            widget.credits_per_dollar = options.credits_per_dollar
            widget.fetcher.attach(widget, options.every, fresh=options.fresh)
        for each in self._html.values():
            each.apply_options()

    def bundle(self, fetcher: CreditsFetcher, options: argparse.Namespace, *, styled: bool) -> dict[str, str]:
        """Return a static card for a fetcher's reading, by media type.

        Args:
            fetcher: The fetcher that reads the account.
            options: The options of ``%evolink_credits``.
            styled: Whether its text has bold type and colour.
        """
        return static_bundle(fetcher, self._completed(options), styled=styled)

    def _completed(self, options: argparse.Namespace) -> argparse.Namespace:
        """Return the options, with settings for those that weren't typed."""
        typed = {name: value for name, value in vars(options).items() if value is not None}
        return argparse.Namespace(**{**vars(options), **self._settings, **typed})

    def follow(self, fetcher: CreditsFetcher | None) -> str:
        """Switch the cards of the default account to the new one.

        Args:
            fetcher: The fetcher that reads it; None if there is no key any more.

        Returns:
            What to tell the user; empty if no card is concerned.
        """
        live = [shown for shown in self._live if shown.widget.is_default and shown.widget.comm]
        html = [card for card in self._html.values() if card.follows]
        shown_now = [*(shown.widget.fetcher for shown in live), *(card.fetcher for card in html)]
        if all(each is fetcher for each in shown_now):
            return ""
        if fetcher is None:
            return "The live cards still show the account of the key used before."
        for shown in live:
            shown.widget.switch(fetcher)
            shown.output.switch(fetcher)
        for each in html:
            self._html.pop(each.fetcher)
            each.switch(fetcher)
            self._replace(each)
        return "The live cards now show the account of this key."

    def at_cell_end(self) -> None:
        """Update the static cards that a saved notebook keeps, and close cards whose place is gone."""
        if self._live:
            self._live = without_gone(self._live, Run.current(self._shell))
        for shown in self._live:
            shown.output.at_cell_end()

    def stop(self) -> None:
        """Close the cards; the static ones stay as they are.

        ipywidgets would keep an open card, and its client with the key, for as long as the kernel lives.
        """
        for shown in self._live:
            shown.output.stop()
            shown.widget.close()
        for each in self._html.values():
            each.stop()
        self._live.clear()
        self._html.clear()
        kernel_idle.follow(None)

    def _show_live(self, fetcher: CreditsFetcher | None, options: argparse.Namespace) -> None:
        from ...card.widget import CreditsWidget  # noqa: PLC0415 - ipywidgets is heavy, and most cells need none

        chosen = self._completed(options)
        widget = CreditsWidget(
            fetcher,
            interval=chosen.every,
            warn_below=chosen.warn_below,
            critical_below=chosen.critical_below,
            credits_per_dollar=chosen.credits_per_dollar,
            compact=chosen.compact,
            fresh=chosen.fresh,
        )
        self.show_widget(widget, options)

    def _is_html_wanted(self) -> bool:
        return self._running.idle_for < self.html_rests_after

    def _show_html(self, card: HtmlCard) -> None:
        card.show()
        self._replace(card)

    def _replace(self, card: HtmlCard) -> None:
        """Make a card the only one of its account: plain HTML can't report that it is gone."""
        before = self._html.pop(card.fetcher, None)
        if before is not None:
            before.stop()
        self._html[card.fetcher] = card
