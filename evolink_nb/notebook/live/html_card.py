"""A live card of plain HTML, for front ends without widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...card import render as card
from ...card.alarms import Limits
from ...card.answers import outlook
from ...polling.status import Status
from ..outputs import LiveOutput

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from ...polling.fetcher import CreditsFetcher

HTML_EVERY = 1.0
"""The shortest time between two rewrites of a plain HTML card, in seconds."""


class HtmlCard:
    """A live card of plain HTML.

    Attributes:
        fetcher: The fetcher that reads the account.
        follows: Whether it follows the default account when that changes.
    """

    def __init__(
        self,
        fetcher: CreditsFetcher,
        options: Callable[[], argparse.Namespace],
        *,
        follows: bool,
        wanted: Callable[[], bool],
    ) -> None:
        """Prepare a card for `show`.

        Args:
            fetcher: The fetcher that reads the account.
            options: Returns the options of ``%evolink_credits``, which settings may change.
            follows: Whether to follow the default account when it changes.
            wanted: Returns whether to rewrite the card before a cell ends.
        """
        self.fetcher = fetcher
        self._wanted = wanted
        self.follows = follows
        self._options = options
        self._output: LiveOutput | None = None

    def show(self) -> None:
        """Show it once there is a reading, or after waiting too long for one."""
        self._attach()
        self.fetcher.wait(self._options().every)
        self._output = LiveOutput(
            self.fetcher,
            lambda: static_bundle(self.fetcher, self._options()),
            every=HTML_EVERY,
            wanted=self._wanted,
        )

    def switch(self, fetcher: CreditsFetcher) -> None:
        """Show another account.

        Args:
            fetcher: The fetcher that reads it.
        """
        self.fetcher.detach(self)
        self.fetcher = fetcher
        self._attach()
        if self._output is not None:
            self._output.switch(fetcher)

    def apply_options(self) -> None:
        """Apply the current options."""
        self._attach()
        self.fetcher.notify()

    def _attach(self) -> None:
        options = self._options()
        self.fetcher.attach(self, options.every, fresh=options.fresh)

    def stop(self) -> None:
        """Leave it as it is from now on."""
        if self._output is not None:
            self._output.stop()
        self.fetcher.detach(self)


def static_bundle(
    fetcher: CreditsFetcher, options: argparse.Namespace, *, styled: bool = False
) -> dict[str, str]:
    """Return a static card for a fetcher's reading, by media type.

    Args:
        fetcher: The fetcher that reads the account.
        options: The options of ``%evolink_credits``.
        styled: Whether its text has bold type and colour.
    """
    limits = Limits.parse(options.warn_below, options.critical_below)
    credits, error = fetcher.credits, fetcher.error
    return card.CardView(
        credits,
        status=Status.PAUSED if error is None else Status(fetcher.status),
        message="" if error is None else str(error),
        request=card.request_of(error),
        level=None if credits is None else limits.level_of(credits, fetcher.runway),
        trend=card.Trend(fetcher.burn_rate, fetcher.runway, fetcher.spent),
        worth=card.usd_estimate(credits, options.credits_per_dollar),
        notice=fetcher.notice,
        outlook=outlook(fetcher),
        compact=options.compact,
    ).mimebundle(styled=styled)
