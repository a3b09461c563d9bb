"""`CreditsFetcher`: a reading kept fresh in the background, that others observe (traitlets)."""

from __future__ import annotations

import atexit
import random
from collections.abc import Callable, Hashable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from traitlets import All, Float, HasTraits, Instance, Int, TraitError, Unicode, UseEnum, validate

from .. import errors
from ..api import settings
from ..credits import Credits
from ..runtime import HAS_THREADS, forget_after_fork
from .clock import Clock
from .publisher import Publisher, SafeObserver
from .reader import STOP_TIMEOUT, Reader
from .registry import SharedFetchers
from .status import Status, status_after_stop
from .subscriptions import MIN_INTERVAL

if TYPE_CHECKING:
    from .attempt import Client


class CreditsFetcher(HasTraits):
    """Reads the balance every ``interval`` seconds and whenever asked; observe its traits.

    All traits but ``interval`` are the fetcher's to set. They change on its thread; an observer that
    raises is logged and harms nobody else. Failures never touch ``credits`` and ``updated_at``.

    More than 20 methods, because it is all that others use of this package. They only pass on: `Reader`
    reads, `Publisher` tells.
    """

    credits = Instance(Credits, allow_none=True, help="The last good reading.")
    status = UseEnum(Status, Status.LOADING, help=f"How the reading stands: {', '.join(Status)}.")
    error = Instance(errors.EvoLinkError, allow_none=True, help="Why the last try failed; None if it didn't.")
    updated_at = Instance(datetime, allow_none=True, help="When the last good reading was taken; aware.")
    spent = Instance(Decimal, (), help="Credits spent since the first reading.")
    burn_rate = Float(None, allow_none=True, help="Credits spent a second of late; None if not known.")
    runway = Float(None, allow_none=True, help="Seconds the credits last at that rate; None if not known.")
    retry_at = Instance(datetime, allow_none=True, help="When the server allows the next try; aware.")
    interval = Float(settings.INTERVAL, help="Seconds between two readings.")
    notice = Unicode(help="What the user must know at once, as of a budget; empty if nothing.")
    outlook = Unicode(help='What the credits are enough for: "enough for about 14 more runs of …".')
    revision = Int(0, help="Counts changes; set last, so that its observers see all of one change at once.")

    def __init__(
        self,
        client: Client,
        interval: float = settings.INTERVAL,
        *,
        clock: Clock | None = None,
        jitter: Callable[[float, float], float] = random.uniform,
        threads: bool = HAS_THREADS,
    ) -> None:
        """Prepare to read; nothing is asked before `start`, `attach`, `refresh` or `read`.

        Args:
            client: What to read with.
            interval: Seconds between two readings.
            clock: What times and waits are measured by; the machine's by default.
            jitter: Draws a number between two, for the pauses after failures.
            threads: Whether to read on a thread; without, in the event loop that runs at `start`.
        """
        super().__init__(interval=interval)
        self.client = client
        self.clock = clock or Clock()
        """What its readings are stamped by."""
        self._publisher = Publisher(self)
        self._reader = Reader(
            client,
            self._publisher,
            interval=self.interval,
            clock=self.clock,
            jitter=jitter,
            threads=threads,
        )
        self.observe(self._reschedule, "interval")
        _registry.add(self)
        forget_after_fork(self)

    def __repr__(self) -> str:
        return f"CreditsFetcher({self.client!r}, interval={self.interval:g}, status={str(self.status)!r})"

    @classmethod
    def shared(cls, client: Client, interval: float = settings.INTERVAL) -> CreditsFetcher:
        """Return this process's one fetcher for the client's base URL and key, made if there is none.

        It keeps its last reading when its thread is stopped, for the next subscriber.

        Args:
            client: What a new one reads with.
            interval: Seconds between two readings of a new one.

        Returns:
            The same one until `stop_all`.
        """
        return _registry.get(client.identity, lambda: cls(client, interval))

    # -- subscribers -----------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether there is a subscriber, so that the reading is kept fresh."""
        return self._reader.has_subscribers

    def start(self) -> None:
        """Keep the reading fresh until `stop`, whether there is another subscriber or not.

        Raises:
            EvoLinkError: The platform can't start another thread.
        """
        self.attach(self, self.interval)

    def attach(self, subscriber: Hashable, interval: float, *, ignores_pause: bool = False) -> None:
        """Keep the reading fresh while ``subscriber`` is attached; the shortest interval asked for counts.

        Args:
            subscriber: Who; attached again, it changes what it wants.
            interval: Seconds between two readings at most.
            ignores_pause: Whether `pause` has no effect while it is attached: a budget watches on.

        Raises:
            EvoLinkError: The platform can't start another thread; nothing is attached then.
            TraitError: The interval is no finite number.
        """
        try:
            self._reader.attach(subscriber, interval, ignores_pause=ignores_pause)
        except ValueError as error:
            raise TraitError(str(error)) from None
        self._use_shortest_interval()

    def detach(self, subscriber: Hashable) -> None:
        """Let a subscriber go; the last one to go stops the thread, unless a caller waits for a read.

        Args:
            subscriber: Who; no matter if it is not attached.
        """
        self._reader.detach(subscriber)
        self._use_shortest_interval()

    def stop(self, *, timeout: float = STOP_TIMEOUT) -> None:
        """Let all subscribers go and end the thread, giving up a read under way.

        The last reading stays; `start` begins anew.

        Args:
            timeout: The most seconds to wait for the thread's end.
        """
        self._reader.stop(timeout)

    def set_visible(self, subscriber: Hashable, *, visible: bool) -> None:
        """Record whether anybody can see a subscriber; with none visible readings are 2 minutes apart.

        Args:
            subscriber: Who; no matter if it is not attached.
            visible: Whether it can be seen.
        """
        with self._reader.changing() as subscriptions:
            subscriptions.set_visible(subscriber, visible=visible)

    def pause(self) -> None:
        """Ask for nothing more until `resume`, but for what `refresh` and `read` ask."""
        with self._reader.changing() as subscriptions:
            subscriptions.paused = True

    def resume(self) -> None:
        """Go on after `pause`, with a reading now."""
        with self._reader.changing(read_now=True) as subscriptions:
            subscriptions.paused = False

    # -- reading ---------------------------------------------------------------------------------------

    @property
    def readings(self) -> tuple[Credits, ...]:
        """The last good readings, oldest first; at most 1000."""
        return self._reader.readings

    @property
    def requested_at(self) -> float:
        """When the last good reading was asked for, in the clock's seconds: what came later is not in it."""
        readings = self._reader.readings
        return readings[-1].requested_at if readings else 0.0

    @property
    def retry_after_left(self) -> float:
        """For how many more seconds the server wants no request; 0 where it doesn't mind."""
        return self._reader.retry_after_left

    def refresh(self) -> None:
        """Ask for a reading now, from any thread; it joins one under way.

        Returns at once while there is a subscriber; else reads before it returns. While the server wants no
        request, the reading comes for subscribers when that time is over; without any there is none.

        Raises:
            EvoLinkError: The platform can't start another thread; or an observer of this fetcher would wait
                for itself. Why a read failed is in ``error``.
        """
        self._reader.refresh()

    def read(self, *, join: bool = True) -> Credits:
        """Return a reading taken now, shared with every observer.

        Args:
            join: Whether a read that is under way already will do; else one that begins after this call.

        Returns:
            The reading.

        Raises:
            EvoLinkError: Why there is none; at once while the server wants no request. Also where an observer
                of this fetcher calls it, which would wait for itself.
        """
        return self._reader.read(fresh=not join)

    def wait(self, seconds: float) -> None:
        """Wait for the first try to end; returns at once where nothing is going to try.

        Args:
            seconds: The most to wait.
        """
        self._reader.wait(seconds)

    # -- telling ---------------------------------------------------------------------------------------

    def set_message(self, *, notice: str | None = None, outlook: str | None = None) -> None:
        """Have every view show a message, from any thread.

        Args:
            notice: What the user must know at once, "" to take it away; None leaves it as it is.
            outlook: How long the credits last in the user's own unit; likewise.
        """
        changes = {"notice": notice, "outlook": outlook}
        changes = {name: text for name, text in changes.items() if text not in {None, getattr(self, name)}}
        if changes:
            self._publisher.publish(**changes)

    def observe(
        self,
        handler: Callable[[Any], Any],
        names: Any = All,
        type: Any = "change",  # noqa: A002 - traitlets' name for it
    ) -> None:
        """Call ``handler`` on changes, as `traitlets.HasTraits.observe` does; what it raises is logged.

        Args:
            handler: Called with each change.
            names: The traits, all by default.
            type: The kind of change.
        """
        super().observe(SafeObserver(handler), names, type)

    @validate("interval")
    def _check_interval(self, proposal: Any) -> float:
        seconds = float(proposal["value"])
        if not MIN_INTERVAL <= seconds < float("inf"):
            raise TraitError(f"interval must be at least {MIN_INTERVAL} seconds, not {seconds:g}.")
        return seconds

    def after_fork(self) -> None:
        """Claim no freshness in a forked child, where nothing reads until it is asked to."""
        # Without telling: the observers are the parent's, and speak over its connections.
        self._trait_values["status"] = status_after_stop(self.status, kept=True)

    def _reschedule(self, _change: object = None) -> None:
        self._reader.reschedule(self.interval)

    def _use_shortest_interval(self) -> None:
        # One at a time: of two threads that come and go, the last one to set it is right.
        with self._publisher.one_at_a_time():
            shortest = self._reader.shortest_interval
            if shortest is not None:
                self.interval = shortest
        # The others may all be hidden: what was planned for them is too late for one that comes.
        self._reschedule()


_registry: SharedFetchers[CreditsFetcher] = SharedFetchers()


def shared_fetchers() -> tuple[CreditsFetcher, ...]:
    """Return the fetchers that this process shares, one for each base URL and key in use."""
    return tuple(_registry)


@atexit.register
def stop_all() -> None:
    """Stop every fetcher of this process; at exit, and when the extension is unloaded."""
    _registry.stop_all()
