"""`CreditsWidget`: the live card; its traits follow a fetcher's. The only module that knows anywidget."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets
from traitlets import Bool, Float, Instance, TraitError, Unicode

from ..api import settings
from ..api.client import EvoLinkClient
from ..polling.fetcher import CreditsFetcher
from ..polling.publisher import SafeObservers
from ..polling.status import Status
from ..runtime import guarded
from . import answers
from . import render as card
from .actions import Answering
from .alarms import Alarm, AlarmLatch, Limit, Limits
from .login import is_keyless
from .open_cards import open_cards
from .subshells import answer_beside_running_cells
from .synced import shown_trend, synced, to_milliseconds
from .template import script
from .unseen import SilentUnseen
from .views import HEARTBEAT_TIMEOUT

if TYPE_CHECKING:
    from ..credits import Credits

FIRST_READING = 2.0
"""The longest that showing a card waits for its first reading, in seconds."""


class CreditsWidget(Answering, SilentUnseen, SafeObservers, anywidget.AnyWidget):
    """The live card of one account and key. Its traits can be linked to any others (``traitlets.dlink``).

    Amounts are credits as floats, None before the first reading; ``fetcher.credits`` has the
    exact ``Decimal`` amounts.

    Attributes:
        fetcher: The `CreditsFetcher` that the card follows.
        is_default: Whether it shows the account of the key that is used by default.
    """

    # Text, not paths: anywidget watches files for each widget, and that keeps closed ones alive.
    _esm = script()
    _template = synced(Unicode())

    token_remaining = synced(Float(None, allow_none=True, help="Credits that the key may still spend."))
    token_used = synced(Float(None, allow_none=True, help="Credits that the key has used."))
    token_unlimited = synced(Bool(False, help="Whether the key has no limit of its own."))
    user_remaining = synced(Float(None, allow_none=True, help="Credits that the account has left."))
    user_used = synced(Float(None, allow_none=True, help="Credits that the account has used."))
    binding = synced(Unicode(help='Which half limits spending: "user" or "token".'))
    needs_key = synced(Bool(False, help="Whether it asks for an API key."))
    account = synced(Unicode(help="Tells this account from others on the same page; nothing else."))
    compact = synced(Bool(False, help="Whether it has its small form, about 300 by 96 pixels."))
    level = synced(Unicode("ok", help="ok, low, critical or overdrawn."))
    simulated = synced(Bool(False, help="Whether the account is the demo's."))
    spent = synced(Float(0.0, help="Credits spent since the fetcher's first reading."))
    burn_rate = synced(Float(None, allow_none=True, help="Credits spent per second lately; None if unknown."))
    runway = synced(
        Float(None, allow_none=True, help="Seconds the credits last at that rate; None if unknown.")
    )
    status = synced(Unicode("loading", help="The fetcher's status."))
    message = synced(Unicode(help="Why the balance can't be read, and what to do; empty if it can."))
    request = synced(Unicode(help="Identifies the request that failed; empty if nothing does."))
    alarm = synced(Unicode(help="What the last alarm said; empty again after a good reading."))
    notice = synced(Unicode(help="What the user must know at once, besides any alarm; empty if nothing."))
    outlook = synced(Unicode(help='What the credits are enough for: "enough for about 14 more runs of …".'))
    limits = synced(Unicode(help="warn_below and critical_below, in words."))
    updated_at = synced(
        Instance(datetime, allow_none=True, help="When the reading was taken; aware."),
        to_json=to_milliseconds,
    )
    retry_at = synced(
        Instance(datetime, allow_none=True, help="When the server allows the next try; aware."),
        to_json=to_milliseconds,
    )
    retry_in = synced(Float(None, allow_none=True, help="Seconds to retry_at, when it was set."))
    interval = synced(Float(settings.INTERVAL, help="Seconds between two readings."))
    worth = synced(Unicode(help="Approximate value left in USD, if credits_per_dollar is set."))
    credits_per_dollar: Any = Float(
        None, allow_none=True, help="How many credits a dollar buys; None to show no dollars."
    )
    warn_below: Any = traitlets.Any(
        None, help='Credits (50) or a runway ("2h") below which a reading is low; None for no limit.'
    )
    critical_below: Any = traitlets.Any(None, help="The same for critical.")

    def __init__(
        self,
        fetcher: CreditsFetcher | None = None,
        *,
        interval: float = settings.INTERVAL,
        warn_below: Limit | None = None,
        critical_below: Limit | None = None,
        credits_per_dollar: float | None = None,
        compact: bool = False,
        fresh: bool = False,
        on_alarm: Callable[[Alarm], None] | None = None,
        heartbeat_timeout: float = HEARTBEAT_TIMEOUT,
    ) -> None:
        """Show the card's account, and keep its reading fresh until `close`.

        Args:
            fetcher: The fetcher that reads the account; by default this process's shared one for the key that
                `evolink_nb.api.settings` finds.
            interval: Seconds between two readings.
            warn_below: Credits (``50``) or a runway (``"2h"``) below which a reading is low.
            critical_below: The same for critical.
            credits_per_dollar: How many credits a dollar buys, to show what is left in USD.
            compact: Whether it starts in its small form; a button on the card changes that.
            fresh: Whether to ignore readings that other kernels have taken and share.
            on_alarm: Called with each `Alarm`, on the fetcher's thread.
            heartbeat_timeout: Seconds of silence after which a visible view counts as gone.

        Raises:
            ConfigurationError: There is no fetcher and no key.
            ValueError: A limit can't be parsed.
        """
        limits = Limits.parse(warn_below, critical_below)
        self._asks = is_keyless(fetcher)
        self.is_default = fetcher is None or self._asks
        self.fetcher = fetcher or CreditsFetcher.shared(EvoLinkClient(), interval)
        self._limits, self._is_fresh = limits, fresh
        self._latch = AlarmLatch()
        self._on_alarm = on_alarm
        self._prepare_unseen(heartbeat_timeout)
        super().__init__(
            _template=card.live_template(),
            compact=compact,
            interval=interval,
            warn_below=warn_below,
            critical_below=critical_below,
            credits_per_dollar=credits_per_dollar,
            limits=str(limits),
        )
        self.on_msg(self._on_message)
        # Not registered like a user's observer: its errors must reach whoever sets a limit.
        super().observe(self._apply_limits, ["warn_below", "critical_below", "credits_per_dollar"])
        try:
            self._attach(self.fetcher)
        except BaseException:
            self.close()  # otherwise ipywidgets would keep it alive
            raise
        self._follow()

    def refresh(self) -> None:
        """Request a reading now; joins a read in flight."""
        self.fetcher.refresh()

    def switch(self, fetcher: CreditsFetcher, *, wait: bool = True) -> None:
        """Show another account.

        Args:
            fetcher: The fetcher that reads it.
            wait: Whether to wait a moment for its first reading.
        """
        self._detach()
        with self._syncing:
            self.fetcher, self._latch = fetcher, AlarmLatch()
            if fetcher.credits is None:
                # The other account's amounts must not be shown with this one's status.
                self.token_remaining = self.token_used = self.user_remaining = self.user_used = None
        self._attach(fetcher)
        fetcher.set_visible(self, visible=self.visible)
        if wait:
            fetcher.wait(FIRST_READING)
        self._follow()
        self.send({"answer": "history", "points": self._points()})

    def close(self) -> None:
        """Remove the card completely; a fetcher stops reading when its last card closes."""
        if self.comm is None:  # already closed, or never opened because there was no key
            return
        self._detach()
        open_cards.discard(self)
        layout = self.layout
        super().close()
        layout.close()  # a separate widget, which ipywidgets would keep alive

    def open(self) -> None:
        """Open the comm to the front end, such that its messages are handled while a cell runs."""
        super().open()
        answer_beside_running_cells(self.comm)
        self.comm.on_close(lambda _message: self.close())
        open_cards.add(self)

    def render(self) -> dict[str, str]:
        """Return the card's current state, not live, as ``text/html`` and ``text/plain``."""
        fetcher = self.fetcher
        return card.CardView(
            fetcher.credits,
            status=Status.PAUSED if fetcher.error is None else Status(fetcher.status),
            message="" if fetcher.error is None else str(fetcher.error),
            request=card.request_of(fetcher.error),
            level=None if fetcher.credits is None else self._level_of(fetcher.credits),
            trend=card.Trend(*shown_trend(fetcher), fetcher.spent, self._points()),
            worth=card.usd_estimate(fetcher.credits, self.credits_per_dollar),
            notice=fetcher.notice,
            outlook=answers.outlook(fetcher),
            compact=self.compact,
        ).mimebundle()

    def view(self) -> dict[str, Any]:
        """Return the live view, and a line for front ends without widgets; empty after `close`."""
        bundle = super()._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if not data:
            return {}
        # A saved notebook keeps this line: worth a short wait for the first reading.
        self.fetcher.wait(FIRST_READING)
        return {**data, **card.opening_line(self.fetcher.credits)}

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Return the live view, with the current reading for front ends without widgets."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        if data is None:
            return bundle
        self.fetcher.wait(FIRST_READING)  # as above
        return {**data, **self.render()}, metadata

    # -- from the fetcher --------------------------------------------------------------------------------

    def _attach(self, fetcher: CreditsFetcher) -> None:
        self.account = fetcher.client.identity
        fetcher.observe(self._follow, ["revision", "interval"])
        fetcher.attach(self, self.interval, fresh=self._is_fresh)
        if self._is_fresh:
            fetcher.refresh()  # the newest reading may be another kernel's

    def _detach(self) -> None:
        self.fetcher.unobserve(self._follow, ["revision", "interval"])
        self.fetcher.detach(self)

    def _follow(self, _change: object = None) -> None:
        """Show the fetcher's state, in one message to the front end."""
        fetcher, alarm = self.fetcher, None
        self._audience.update()
        needs_key = self._needs_key()
        with self._syncing, self.hold_sync():
            credits = fetcher.credits
            if credits is not None:
                alarm = self._follow_reading(credits)
            self.interval = fetcher.interval
            self.request = card.request_of(fetcher.error)
            self.message = card.without_request(str(fetcher.error or ""), self.request)
            self.notice = fetcher.notice
            self.outlook = answers.outlook(fetcher)
            self.retry_at = fetcher.retry_at
            self.retry_in = answers.wait(fetcher)
            self.updated_at = fetcher.updated_at
            self.worth = card.usd_estimate(credits, self.credits_per_dollar)
            self.needs_key = needs_key
            self.status = Status.UNAUTHORIZED if needs_key else fetcher.status
        if alarm is not None and self._on_alarm is not None:
            with guarded("on_alarm failed."):
                self._on_alarm(alarm)

    def _follow_reading(self, credits: Credits) -> Alarm | None:
        fetcher = self.fetcher
        self.token_remaining = float(credits.token.remaining)
        self.token_used = float(credits.token.used)
        self.token_unlimited = credits.token.unlimited
        self.user_remaining = float(credits.user.remaining)
        self.user_used = float(credits.user.used)
        self.binding = credits.binding
        self.simulated = credits.simulated
        self.spent = float(fetcher.spent)
        self.burn_rate, self.runway = shown_trend(fetcher)
        self.level = self._level_of(credits)
        alarm = self._latch.update(self._limits, credits, fetcher.runway)
        if alarm is not None:
            self.alarm = alarm.message
        elif self._latch.armed:
            self.alarm = ""
        return alarm

    def _apply_limits(self, _change: object) -> None:
        try:
            self._limits = Limits.parse(self.warn_below, self.critical_below)
        except ValueError as error:
            raise TraitError(str(error)) from None
        self.limits = str(self._limits)
        self._follow()

    def _level_of(self, credits: Credits) -> Any:
        return self._limits.level_of(credits, self.fetcher.runway)

    def _on_visibility(self, visible: bool) -> None:
        super()._on_visibility(visible)
        self.fetcher.set_visible(self, visible=visible)
