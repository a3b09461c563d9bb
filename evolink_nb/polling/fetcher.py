"""Keeps a reading fresh on one thread and lets others observe it (traitlets)."""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import copy
import logging
import random
import threading
import weakref
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Protocol

from traitlets import All, Float, HasTraits, Instance, Int, TraitError, Unicode, validate

from .. import errors
from ..api import settings
from ..credits import Credits, total
from . import forecast
from .backoff import Backoff
from .clock import Clock
from .status import Status, status_of

log = logging.getLogger(__name__)

MIN_INTERVAL = 0.1
"""Seconds between two readings at least, whatever is asked for."""
HIDDEN_INTERVAL = 120.0
"""Seconds between two readings at least while nobody can see any view."""
MAX_READINGS = 1000
"""Readings that are remembered for the burn rate and the sparkline."""


class Client(Protocol):
    """What a fetcher needs of `evolink_nb.EvoLinkClient`."""

    identity: str

    def get_credits(self) -> Credits:
        """Read the balance now, or raise an `EvoLinkError`."""

    def close(self) -> None:
        """Give up a read under way."""


class CreditsFetcher(HasTraits):
    """Reads the balance every ``interval`` seconds and whenever asked; observe its traits.

    All traits but ``interval`` are the fetcher's to set. They change on its thread; an observer that
    raises is logged and harms nobody else. Failures never touch ``credits`` and ``updated_at``.
    """

    credits = Instance(Credits, allow_none=True, help="The last good reading.")
    status = Unicode(
        "loading",
        help="loading, live, refreshing, paused (stopped), rate-limited, unauthorized, offline or error.",
    )
    error = Instance(errors.EvoLinkError, allow_none=True, help="Why the last try failed; None if it didn't.")
    updated_at = Instance(datetime, allow_none=True, help="When the last good reading was taken; aware.")
    spent = Instance(Decimal, (), help="Credits spent since the first reading.")
    burn_rate = Float(None, allow_none=True, help="Credits spent a second of late; None if not known.")
    runway = Float(None, allow_none=True, help="Seconds the credits last at that rate; None if not known.")
    retry_at = Instance(datetime, allow_none=True, help="When the server allows the next try; aware.")
    interval = Float(settings.INTERVAL, help="Seconds between two readings.")
    notice = Unicode(help="What a person must know at once, as of a budget; empty if nothing.")
    outlook = Unicode(help='How long the credits last in the user\'s own unit: "about 14 more runs".')
    revision = Int(0, help="Counts changes; set last, so that its observers see all of one change at once.")

    def __init__(
        self,
        client: Client,
        interval: float = settings.INTERVAL,
        *,
        clock: Clock | None = None,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """Take the client to ask and the cadence; nothing is asked before `start` or `refresh`."""
        super().__init__(interval=interval)
        self.client = client
        self._clock = clock or Clock()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._viewers: dict[Hashable, float] = {}
        self._hidden: set[Hashable] = set()
        self._insisting: set[Hashable] = set()
        self._readings: deque[Credits] = deque(maxlen=MAX_READINGS)
        self._backoff = Backoff(self._clock.monotonic(), jitter=jitter)
        self._paused = False
        self._asked = False
        self._reading = False
        self._readings_ended = 0
        self._wanted = 0
        self._requested_at = 0.0
        self._publishing = threading.RLock()
        self.observe(self._follow_interval, "interval")

    def __repr__(self) -> str:
        return f"CreditsFetcher({self.client!r}, interval={self.interval:g}, status={self.status!r})"

    # -- life ------------------------------------------------------------------------------------------

    @classmethod
    def shared(cls, client: Client, interval: float = settings.INTERVAL) -> CreditsFetcher:
        """Give this process's one fetcher for the client's base URL and key, made if there is none.

        It keeps its last reading when its thread is stopped, for whoever comes next.
        """
        with _registry_lock:
            fetcher = _shared.get(client.identity)
            if fetcher is None:
                fetcher = _shared[client.identity] = cls(client, interval)
            return fetcher

    @property
    def running(self) -> bool:
        """Whether its thread keeps the reading fresh."""
        return self._thread is not None

    def start(self) -> None:
        """Keep the reading fresh until `stop`, whether anything views it or not."""
        self.attach(self, self.interval)

    def attach(self, viewer: Hashable, interval: float, *, ignores_pause: bool = False) -> None:
        """Keep the reading fresh while ``viewer`` is attached; the shortest interval asked for counts.

        While one that ``ignores_pause`` is attached `pause` has no effect: a budget watches on.
        """
        interval = max(interval, MIN_INTERVAL)
        with self._changed:
            self._viewers[viewer] = interval
            if ignores_pause:
                self._insisting.add(viewer)
            if self._thread is None:
                self._backoff.restart(self._clock.monotonic())
                # In the caller's context: ipykernel 7.0 loses what a thread without one sends.
                run = partial(contextvars.copy_context().run, self._run)
                thread = threading.Thread(target=run, name="evolink-nb-fetcher", daemon=True)
                try:
                    self._thread = thread
                    _running.add(self)
                    thread.start()
                except BaseException:  # an interrupt, or one thread too many: nobody may wait for it
                    self._thread = None
                    raise
            shortest = min(self._viewers.values())
        self.interval = shortest
        # The others may all be out of sight: what was planned for them is too late for this one.
        self._follow_interval()

    def detach(self, viewer: Hashable) -> None:
        """Let ``viewer`` go; the last one to go stops the thread."""
        with self._changed:
            if self._viewers.pop(viewer, None) is None:
                return
            self._hidden.discard(viewer)
            self._insisting.discard(viewer)
            intervals = list(self._viewers.values())
            thread = self._end_unused()
        if intervals:
            self.interval = min(intervals)
        self._see_off(thread)

    def stop(self) -> None:
        """End the thread, giving up a read under way. The last reading stays; `start` begins anew."""
        with self._changed:
            self._viewers.clear()
            thread = self._end()
        self._see_off(thread)

    def show(self, viewer: Hashable, *, visible: bool) -> None:
        """Say whether ``viewer`` can be seen; with none in sight the cadence is `HIDDEN_INTERVAL`."""
        with self._changed:
            (self._hidden.discard if visible else self._hidden.add)(viewer)
            self._backoff.follow(self._cadence(), self._clock.monotonic())
            self._changed.notify_all()

    def pause(self) -> None:
        """Ask for nothing more until `resume`, but for what `refresh` asks."""
        with self._changed:
            self._paused = True
            self._changed.notify_all()

    def resume(self) -> None:
        """Go on after `pause`, with a reading now."""
        with self._changed:
            self._paused = False
            self._backoff.restart(self._clock.monotonic())
            self._changed.notify_all()

    @property
    def clock(self) -> Clock:
        """The clock that its readings are stamped by."""
        return self._clock

    @property
    def requested_at(self) -> float:
        """When the last good reading was asked for, in the clock's seconds: what came later is not in it."""
        return self._requested_at

    @property
    def retry_after_left(self) -> float:
        """Seconds for which the server asked to be left alone; 0 when it didn't."""
        with self._changed:
            return self._backoff.retry_after_left(self._clock.monotonic())

    @property
    def readings(self) -> tuple[Credits, ...]:
        """The last good readings, oldest first, `MAX_READINGS` at most."""
        with self._changed:
            return tuple(self._readings)

    # -- asking ----------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Ask for a reading now, from any thread.

        Joins a read under way. Returns at once where the thread runs; else reads before it returns.
        While the server asks to be left alone, the reading comes when that time is over.
        """
        mine = False
        with self._wanting():
            try:
                with self._changed:
                    if self._reading:
                        return
                    if self._thread is not None:
                        self._asked = True
                        self._changed.notify_all()
                        return
                    self._reading = mine = True
                self._read(None, asked=True)
            except BaseException:  # an interrupt: others must not wait for what never began
                with self._changed:
                    self._reading = self._reading and not mine
                    self._changed.notify_all()
                raise

    def read(self, *, join: bool = True) -> Credits:
        """Give a reading taken now, shared with every observer, or raise the `EvoLinkError` that came.

        It joins a read under way; without ``join`` it is asked for after this call, whatever is under way.
        """
        with self._changed:
            while self._reading and not join:
                self._changed.wait()
            if self.error is not None and self._backoff.retry_after_left(self._clock.monotonic()):
                raise copy.copy(self.error)
            ended = self._readings_ended
        with self._wanting():
            self.refresh()
            with self._changed:
                while self._readings_ended == ended and (self._reading or self._thread is not None):
                    self._changed.wait()
        if self._readings_ended == ended:
            raise errors.EvoLinkError("The fetcher was stopped before it had a reading.")
        if self.error is not None:
            # A copy: raising ours would tie the caller's frames, and all their data, to it.
            raise copy.copy(self.error)
        assert self.credits is not None  # for mypy: a reading that ended brought one or the other  # noqa: S101
        return self.credits

    def set_message(self, *, notice: str | None = None, outlook: str | None = None) -> None:
        """Let every view show ``notice`` or ``outlook``, from any thread; None leaves one as it is."""
        changes = {"notice": notice, "outlook": outlook}
        changes = {name: text for name, text in changes.items() if text not in {None, getattr(self, name)}}
        if changes:
            self._publish(**changes)

    def wait(self, seconds: float) -> None:
        """Wait for the first try to end, ``seconds`` at most."""
        with self._changed:
            self._changed.wait_for(lambda: self._readings_ended or self._thread is None, seconds)

    @contextlib.contextmanager
    def _wanting(self) -> Iterator[None]:
        """Let no viewer that goes take along the thread, or the read under way, that somebody waits for."""
        with self._changed:
            self._wanted += 1
        try:
            yield
        finally:
            with self._changed:
                self._wanted -= 1
                thread = self._end_unused()
            self._see_off(thread)

    # -- the thread ------------------------------------------------------------------------------------

    def _end_unused(self) -> threading.Thread | None:
        """End the thread if it serves nobody; the lock is held, so that nobody comes meanwhile."""
        return None if self._thread is None or self._viewers or self._wanted else self._end()

    def _end(self) -> threading.Thread | None:
        """End the thread, giving up a read under way, and give it; the lock is held."""
        thread, self._thread = self._thread, None
        self._hidden.clear()
        self._insisting.clear()
        self._asked = self._paused = False
        self._changed.notify_all()
        if thread is not None:
            _running.discard(self)
            self.client.close()
        return thread

    def _see_off(self, thread: threading.Thread | None) -> None:
        """Wait a moment for a thread that was ended."""
        if thread is None:
            return
        if thread is not threading.current_thread():
            thread.join(timeout=2.0)
        self._rest()

    def _run(self) -> None:
        me = threading.current_thread()
        while True:
            with self._changed:
                while self._thread is me and not self._is_due() and not self._must_say_paused():
                    self._clock.wait(self._changed, self._seconds_left())
                if self._thread is not me:
                    return
                pausing, asked = self._must_say_paused(), self._asked
                if not pausing:
                    self._asked, self._reading = False, True
            if pausing:
                self._publish(status="paused")
            else:
                self._read(me, asked=asked)

    def _is_due(self) -> bool:
        left = self._seconds_left()
        return left is not None and left <= 0

    def _must_say_paused(self) -> bool:
        return self._is_paused() and not self._reading and not self._asked and self.status != "paused"

    def _is_paused(self) -> bool:
        return self._paused and not self._insisting

    def _seconds_left(self) -> float | None:
        """Give the seconds until the next try, None when something else must happen first."""
        if self._reading or (self._is_paused() and not self._asked):
            return None
        return self._backoff.seconds_left(self._clock.monotonic(), asked=self._asked)

    def _cadence(self) -> float:
        """Give the seconds between two readings that whoever can see a view asks for."""
        unseen = bool(self._viewers) and self._hidden >= self._viewers.keys()
        return max(self.interval, HIDDEN_INTERVAL) if unseen else self.interval

    def _read(self, thread: threading.Thread | None, *, asked: bool) -> None:
        """Make one try, on ``thread`` or on the caller's own, plan the next, and let the observers know."""
        started, status = self._clock.monotonic(), self.status
        given_up = True
        try:
            if asked or self.status == "paused":
                self._publish(status="loading" if self.credits is None else "refreshing")
            try:
                credits: Credits | None = replace(
                    self.client.get_credits(), requested_at=started, monotonic=self._clock.monotonic()
                )
                error = None
            except errors.EvoLinkError as raised:
                # Kept for as long as it is true, so without the frames it came through.
                credits, error = None, raised.with_traceback(None)
            except Exception as raised:  # noqa: BLE001 - a flaw of ours must not end the thread
                name = type(raised).__name__
                credits, error = None, errors.EvoLinkError(f"The reading failed unexpectedly ({name}).")
            except BaseException:  # a person's interrupt: all is as it was
                self._publish(status=status)
                raise
            with self._changed:
                # A read given up by stop() says nothing about the account.
                given_up = thread is not None and self._thread is not thread
                if not given_up:
                    self._take_in(started, credits, error)
            if not given_up:
                self._announce(credits, error)
            if thread is not None:
                self._rest()  # an observer may have stopped it
        finally:
            with self._changed:
                self._reading = False
                self._readings_ended += not given_up
                self._changed.notify_all()

    def _take_in(self, started: float, credits: Credits | None, error: errors.EvoLinkError | None) -> None:
        """Plan the next try, and keep the reading for those to come."""
        if error is not None:
            self._backoff.failed(started, self._clock.monotonic(), self._cadence(), error)
            return
        self._backoff.succeeded(started, self._cadence())
        if credits is not None:
            self._requested_at = started
            self._readings.append(credits)

    def _announce(self, credits: Credits | None, error: errors.EvoLinkError | None) -> None:
        if credits is not None:
            rate = forecast.burn_rate(self.readings)
            spent = (
                self.spent
                if self.credits is None
                else total((self.spent, forecast.spent_between(self.credits, credits)))
            )
            self._publish(
                credits=credits,
                updated_at=credits.read_at,
                spent=spent,
                burn_rate=rate,
                runway=forecast.runway(credits.spendable, rate),
                error=None,
                retry_at=None,
                status="paused" if self._is_paused() else "live",
            )
            return
        waiting = self._backoff.retry_after_left(self._clock.monotonic())
        retry_at = self._clock.now() + timedelta(seconds=waiting) if waiting else None
        self._publish(error=error, retry_at=retry_at, status=status_of(error) if error else Status.ERROR)

    def _rest(self) -> None:
        """Claim no freshness once the thread has been stopped."""
        if self._thread is None and self.status in {"loading", "live", "refreshing"}:
            self._publish(status="paused")

    def _publish(self, **changes: Any) -> None:
        # Mostly the fetcher's thread; what `set_message` is told may come on any.
        with self._publishing:
            for name, value in changes.items():
                setattr(self, name, value)
            self.revision += 1

    # -- traits ----------------------------------------------------------------------------------------

    def observe(
        self,
        handler: Callable[[Any], Any],
        names: Any = All,
        type: Any = "change",  # noqa: A002 - traitlets' name for it
    ) -> None:
        """Call ``handler`` on changes, as `traitlets.HasTraits.observe` does; what it raises is logged."""
        super().observe(_Guarded(handler), names, type)

    @validate("interval")
    def _check_interval(self, proposal: Any) -> float:
        seconds = float(proposal["value"])
        if not MIN_INTERVAL <= seconds < float("inf"):
            raise TraitError(f"interval must be at least {MIN_INTERVAL} seconds, not {seconds:g}.")
        return seconds

    def _follow_interval(self, _change: object = None) -> None:
        with self._changed:
            self._backoff.follow(self._cadence(), self._clock.monotonic())
            self._changed.notify_all()


class _Guarded:
    """An observer that can't stop the others: what it raises is logged.

    Equal to the handler it guards, which is how ``unobserve`` finds it.
    """

    def __init__(self, handler: Callable[[Any], Any]) -> None:
        self._handler = handler

    def __call__(self, change: Any) -> None:
        try:
            self._handler(change)
        except Exception:
            log.exception("An observer of the credits fetcher failed.")

    def __eq__(self, other: object) -> bool:
        return self._handler == (other._handler if isinstance(other, _Guarded) else other)

    def __hash__(self) -> int:
        return hash(self._handler)


_registry_lock = threading.Lock()
_shared: dict[str, CreditsFetcher] = {}
_running: weakref.WeakSet[CreditsFetcher] = weakref.WeakSet()


@atexit.register
def stop_all() -> None:
    """Stop every fetcher of this process; at exit, and when the extension is unloaded."""
    for fetcher in list(_running):
        fetcher.stop()
    with _registry_lock:
        idle = list(_shared.values())
        _shared.clear()
    for fetcher in idle:
        fetcher.client.close()
