"""The live cards shown in one shell, and what a saved notebook keeps of them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from IPython.display import display

from ..api import settings
from ..card import render as card
from ..card.alarms import Limits
from ..polling.status import Status
from .outputs import LiveOutput, static_fallback

if TYPE_CHECKING:
    import argparse

    from ..card.widget import CreditsWidget
    from ..polling.fetcher import CreditsFetcher

HTML_EVERY = 1.0
"""The shortest time between two rewrites of a plain HTML card, in seconds."""


class LiveCards:
    """The live cards of one shell: widgets, and those of plain HTML."""

    def __init__(self) -> None:
        """Start with none."""
        self._live: list[tuple[CreditsWidget, LiveOutput]] = []
        self._html: dict[CreditsFetcher, LiveOutput] = {}

    def show(self, fetcher: CreditsFetcher, options: argparse.Namespace) -> None:
        """Show a live card.

        Args:
            fetcher: The fetcher that reads the account.
            options: The options of ``%evolink_credits``.
        """
        (self._show_html if options.html else self._show_live)(fetcher, options)

    def show_widget(self, widget: CreditsWidget) -> None:
        """Show a live card, followed by a static one for the saved notebook.

        Args:
            widget: The card.
        """
        display(widget.view(), raw=True)
        self._live.append((widget, LiveOutput(widget.fetcher, lambda: static_fallback(widget.render()))))

    def at_cell_end(self) -> None:
        """Update what a saved notebook would contain."""
        for shown in list(self._live):
            widget, output = shown
            output.at_cell_end()
            if widget.comm is None:  # closed: it shows nothing new any more
                output.stop()
                self._live.remove(shown)

    def stop(self) -> None:
        """Close the cards; the static ones stay as they are.

        ipywidgets would keep an open card, and its client with the key, for as long as the kernel lives.
        """
        for widget, output in self._live:
            output.stop()
            widget.close()
        for output in self._html.values():
            output.stop()
        self._live.clear()
        self._html.clear()

    def _show_live(self, fetcher: CreditsFetcher, options: argparse.Namespace) -> None:
        from ..card.widget import CreditsWidget  # noqa: PLC0415 - ipywidgets is heavy, and most cells need none

        display(
            CreditsWidget(
                fetcher,
                interval=options.every or settings.INTERVAL,
                warn_below=options.warn_below,
                critical_below=options.critical_below,
                credits_per_dollar=options.credits_per_dollar,
            )
        )

    def _show_html(self, fetcher: CreditsFetcher, options: argparse.Namespace) -> None:
        interval = options.every or settings.INTERVAL
        # Plain HTML can't report that it is gone: a new card for the same key replaces the earlier one.
        if fetcher in self._html:
            self._html.pop(fetcher).stop()
        fetcher.attach(self, interval)
        fetcher.wait(interval)
        self._html[fetcher] = LiveOutput(
            fetcher, functools.partial(static_bundle, fetcher, options), every=HTML_EVERY
        )


def static_bundle(fetcher: CreditsFetcher, options: argparse.Namespace) -> dict[str, str]:
    """Return a static card for a fetcher's reading, by media type.

    Args:
        fetcher: The fetcher that reads the account.
        options: The options of ``%evolink_credits``.
    """
    limits = Limits.parse(options.warn_below, options.critical_below)
    credits, error = fetcher.credits, fetcher.error
    return card.CardView(
        credits,
        status=Status.PAUSED if error is None else Status(fetcher.status),
        message="" if error is None else str(error),
        level=None if credits is None else limits.level_of(credits, fetcher.runway),
        trend=card.Trend(fetcher.burn_rate, fetcher.runway, fetcher.spent),
        worth=card.usd_estimate(credits, options.credits_per_dollar),
        notice=fetcher.notice,
        outlook=fetcher.outlook,
    ).mimebundle()
