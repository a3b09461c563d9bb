"""`CreditsWidget`: the card, live; synced traits bound to a fetcher. The only module that knows anywidget."""

from __future__ import annotations

import inspect
import logging
import math
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets
from traitlets import Bool, Float, Instance, TraitError, TraitType, Unicode

from ..api import settings
from ..api.client import EvoLinkClient
from ..polling.fetcher import CreditsFetcher
from ..polling.status import Status
from . import render as card
from .alarms import Alarm, AlarmLatch, Limit, Limits
from .template import STATIC

if TYPE_CHECKING:
    from ..credits import Credits

log = logging.getLogger(__name__)

FIRST_READING = 2.0
"""Seconds that showing a card waits for its first reading at most."""
HEARTBEAT_TIMEOUT = 150.0
"""Seconds after which a view that can be seen, but isn't heard of, is gone; it gives word each minute."""
MAX_POINTS = 60
"""Points of the sparkline at most; ``card.js`` has the same number."""


def _to_milliseconds(moment: datetime | None, _widget: object) -> float | None:
    return None if moment is None else round(moment.timestamp() * 1000)


def _shown_trend(fetcher: CreditsFetcher) -> tuple[float | None, float | None]:
    """Give the burn rate and the runway, the same for the live card and the still one."""
    rate, runway = fetcher.burn_rate, fetcher.runway
    return rate and float(f"{rate:.6g}"), runway and round(runway)


def _synced(trait: TraitType[Any, Any], **metadata: Any) -> Any:
    return trait.tag(sync=True, **metadata)


class CreditsWidget(anywidget.AnyWidget):
    """The balance as a live card. Its traits follow a fetcher's and can be linked to anything else.

    Amounts are credits, as floats, None before the first reading; the exact ``Decimal``s are in
    ``widget.fetcher``. ``interval`` and ``runway`` are in seconds, ``burn_rate`` in credits a second.
    ``warn_below`` and ``critical_below`` are credits (``50``) or a runway (``"2h"``).
    """

    _esm = STATIC / "card.js"
    _css = STATIC / "card.css"
    _template = _synced(Unicode())

    token_remaining = _synced(Float(None, allow_none=True))
    token_used = _synced(Float(None, allow_none=True))
    token_unlimited = _synced(Bool(False))
    user_remaining = _synced(Float(None, allow_none=True))
    user_used = _synced(Float(None, allow_none=True))
    binding = _synced(Unicode(help='Which half limits spending: "user" or "token".'))
    level = _synced(Unicode("ok", help="ok, low, critical or overdrawn."))
    simulated = _synced(Bool(False))
    spent = _synced(Float(0.0, help="Credits spent since the fetcher's first reading."))
    burn_rate = _synced(Float(None, allow_none=True))
    runway = _synced(Float(None, allow_none=True))
    status = _synced(Unicode("loading"))
    message = _synced(Unicode())
    alarm = _synced(Unicode(help="What the last alarm said; empty again after a good reading."))
    notice = _synced(Unicode(help="What a person must know at once, beside any alarm; empty if nothing."))
    outlook = _synced(
        Unicode(help='How long the credits last in the user\'s own unit: "about 14 more runs".')
    )
    limits = _synced(Unicode(help="warn_below and critical_below, in words."))
    updated_at = _synced(Instance(datetime, allow_none=True), to_json=_to_milliseconds)
    retry_at = _synced(Instance(datetime, allow_none=True), to_json=_to_milliseconds)
    interval = _synced(Float(settings.INTERVAL))
    worth = _synced(Unicode(help="About what is left in USD, where credits_per_dollar says."))
    credits_per_dollar: Any = Float(None, allow_none=True)
    warn_below: Any = traitlets.Any(None)
    critical_below: Any = traitlets.Any(None)

    _attached = False

    def __init__(
        self,
        fetcher: CreditsFetcher | None = None,
        *,
        interval: float = settings.INTERVAL,
        warn_below: Limit | None = None,
        critical_below: Limit | None = None,
        credits_per_dollar: float | None = None,
        on_alarm: Callable[[Alarm], None] | None = None,
    ) -> None:
        """Follow ``fetcher``, or this process's shared one for the key that `settings` finds.

        ``on_alarm`` is called with each alarm, on the fetcher's thread. Raises `ConfigurationError` when
        there is no fetcher and no key, ``ValueError`` when a limit can't be read.
        """
        limits = Limits.parse(warn_below, critical_below)
        self.fetcher = fetcher or CreditsFetcher.shared(EvoLinkClient(), interval)
        self._limits = limits
        self._latch = AlarmLatch()
        self._on_alarm = on_alarm
        self._views: dict[str, float] = {}
        self._seen = True
        self._following = threading.RLock()
        super().__init__(
            _template=card.render_live_html(),
            interval=interval,
            warn_below=warn_below,
            critical_below=critical_below,
            credits_per_dollar=credits_per_dollar,
            limits=str(limits),
        )
        self.on_msg(self._on_message)
        self.observe(self._take_limits, ["warn_below", "critical_below", "credits_per_dollar"])
        self.fetcher.observe(self._follow, "revision")
        self.fetcher.observe(self._follow, "interval")
        self.fetcher.attach(self, interval)
        self._attached = True
        self._follow()

    def refresh(self) -> None:
        """Ask for a reading now; it joins one under way."""
        self.fetcher.refresh()

    def close(self) -> None:
        """Take the card away; the last one of a key to close ends its fetcher's thread."""
        # Also called for a card that was closed before, or never came to be for want of a key.
        if self._attached:
            self._attached = False
            self.fetcher.unobserve(self._follow, "revision")
            self.fetcher.unobserve(self._follow, "interval")
            self.fetcher.detach(self)
        super().close()

    def open(self) -> None:
        """Open the channel to the front end, so that its messages are handled beside a running cell."""
        super().open()
        _answer_beside_a_running_cell(self.comm)

    def render(self) -> dict[str, str]:
        """Give the card as it stands as ``text/html`` and ``text/plain``, not live."""
        fetcher = self.fetcher
        return card.CardView(
            fetcher.credits,
            status=Status.PAUSED if fetcher.error is None else Status(fetcher.status),
            message="" if fetcher.error is None else str(fetcher.error),
            level=None if fetcher.credits is None else self._level_of(fetcher.credits),
            trend=card.Trend(*_shown_trend(fetcher), fetcher.spent, self._points()),
            worth=card.usd_estimate(fetcher.credits, self.credits_per_dollar),
            notice=fetcher.notice,
            outlook=fetcher.outlook,
        ).mimebundle()

    def view(self) -> dict[str, Any]:
        """Give the live view, and a line for places where no widget runs; nothing after `close`."""
        bundle = super()._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if not data:
            return {}
        # What is shown now is what a saved notebook holds: worth a moment for the first reading.
        self.fetcher.wait(FIRST_READING)
        return {**data, **card.opening_line(self.fetcher.credits)}

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Give the live view, and beside it what is readable where no widget runs: the reading now."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        if data is None:
            return bundle
        self.fetcher.wait(FIRST_READING)  # as above
        return {**data, **self.render()}, metadata

    # -- following the fetcher ---------------------------------------------------------------------------

    def _follow(self, _change: object = None) -> None:
        """Take over what the fetcher holds, as one message to the front end."""
        fetcher, alarm = self.fetcher, None
        # Called from the fetcher's thread and from the kernel's; ipywidgets' hold_sync knows no threads.
        with self._following, self.hold_sync():
            credits = fetcher.credits
            if credits is not None:
                alarm = self._take(credits)
            self.interval = fetcher.interval
            self.message = "" if fetcher.error is None else str(fetcher.error)
            self.notice = fetcher.notice
            self.outlook = fetcher.outlook
            self.retry_at = fetcher.retry_at
            self.updated_at = fetcher.updated_at
            self.worth = card.usd_estimate(credits, self.credits_per_dollar)
            self.status = fetcher.status
        if self._views:
            self._look()
        if alarm is not None and self._on_alarm is not None:
            try:
                self._on_alarm(alarm)
            except Exception:
                log.exception("on_alarm failed.")

    def _take(self, credits: Credits) -> Alarm | None:
        fetcher = self.fetcher
        self.token_remaining = float(credits.token.remaining)
        self.token_used = float(credits.token.used)
        self.token_unlimited = credits.token.unlimited
        self.user_remaining = float(credits.user.remaining)
        self.user_used = float(credits.user.used)
        self.binding = credits.binding
        self.simulated = credits.simulated
        self.spent = float(fetcher.spent)
        self.burn_rate, self.runway = _shown_trend(fetcher)
        self.level = self._level_of(credits)
        alarm = self._latch.update(self._limits, credits, fetcher.runway)
        if alarm is not None:
            self.alarm = alarm.message
        elif self._latch.armed:
            self.alarm = ""
        return alarm

    def _take_limits(self, _change: object) -> None:
        try:
            self._limits = Limits.parse(self.warn_below, self.critical_below)
        except ValueError as error:
            raise TraitError(str(error)) from None
        self.limits = str(self._limits)
        self._follow()

    def _level_of(self, credits: Credits) -> Any:
        return self._limits.level_of(credits, self.fetcher.runway)

    def _points(self) -> list[tuple[float, float]]:
        return [
            (round(reading.read_at.timestamp() * 1000), float(reading.spendable))
            for reading in self.fetcher.readings[-MAX_POINTS:]
        ]

    # -- hearing the front end ---------------------------------------------------------------------------

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:
        # May run on a kernel's subshell thread: hand over and return.
        action = content.get("action") if isinstance(content, dict) else None
        if action == "refresh":
            self.refresh()
            self.send({"answer": "refresh"})
        elif action == "history":
            self.send({"answer": "history", "points": self._points()})
        elif action == "pause":
            self.fetcher.pause()
        elif action == "resume":
            self.fetcher.resume()
        elif action == "show":
            self._views[str(content.get("view"))] = _good_until(visible=content.get("visible") is True)
            self._look()
        elif action == "leave":
            self._views.pop(str(content.get("view")), None)
            self._look()

    def _look(self) -> None:
        """Let the fetcher know when somebody begins or ceases to see any view."""
        now = time.monotonic()
        seen = any(until > now for until in list(self._views.values()))
        if seen != self._seen:
            self._seen = seen
            self.fetcher.set_visible(self, visible=seen)


def _good_until(*, visible: bool) -> float:
    """Give the time until which a view's word about itself holds, in seconds of the monotonic clock."""
    if not visible:
        return 0.0
    # On the main thread words wait for the running cell's end: there silence means nothing. The first word
    # of a page may come there while JupyterLab still opens its subshell; it says the same again soon after.
    heard_beside_a_cell = threading.current_thread() is not threading.main_thread()
    return time.monotonic() + HEARTBEAT_TIMEOUT if heard_beside_a_cell else math.inf


def _answer_beside_a_running_cell(comm: Any) -> None:
    """Keep ipykernel from queueing the front end's messages behind the running cell.

    JupyterLab sends them to a subshell of the kernel, but ipykernel 7.4 routes each to the shell that
    last published on the comm, for a widget made in a cell the busy one. This lets the front end's own
    choice stand. The name is private to ipykernel (``ipykernel/comm/comm.py``): where it is gone or
    takes other arguments nothing is touched, and the button waits for the cell as other widgets' do.
    """
    route = getattr(comm, "_reply_subshell_for", None)
    try:
        arguments = list(inspect.signature(route).parameters) if route is not None else []
    except (TypeError, ValueError):
        arguments = []
    if arguments == ["data", "default"]:
        comm._reply_subshell_for = lambda data, default: default  # noqa: ARG005 - ipykernel's names
