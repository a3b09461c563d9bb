"""`CreditsFetcher`: a reading kept fresh in the background, observable through traitlets."""

from __future__ import annotations

import atexit
import random
from collections.abc import AsyncGenerator, Callable, Hashable
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from traitlets import Float, Instance, Int, TraitError, Unicode, UseEnum, validate

from .. import errors
from ..api import settings
from ..credits import Credits
from ..runtime import HAS_THREADS, end_idle_threads, forget_after_fork
from ..thread_time import own_wait
from .async_readings import readings_of
from .clock import Clock
from .publisher import Publisher, SafeObservers
from .reader import STOP_TIMEOUT, Reader
from .registry import SharedFetchers
from .sharing import sharing
from .status import Status, status_after_stop
from .subscriptions import MIN_INTERVAL

if TYPE_CHECKING:
    from .attempt import Client


class CreditsFetcher(SafeObservers):
    """Reads the balance every ``interval`` seconds and on request; observe its traits.

    Callers may set only ``interval``. Traits change on the fetcher's thread. An observer that raises is
    logged and doesn't affect the others. Failures never change ``credits`` and ``updated_at``.

    It has more than 20 methods because it is the whole public interface of this package. They only delegate:
    `Reader` reads, `Publisher` notifies.
    """

    credits = Instance(Credits, allow_none=True, help="The last good reading.")
    status = UseEnum(Status, Status.LOADING, help=f"The state of the reading: {', '.join(Status)}.")
    error = Instance(errors.EvoLinkError, allow_none=True, help="Why the last try failed; None if it didn't.")
    updated_at = Instance(datetime, allow_none=True, help="When the last good reading was taken; aware.")
    spent = Instance(Decimal, (), help="Credits spent since the first reading.")
    burn_rate = Float(None, allow_none=True, help="Credits spent per second lately; None if unknown.")
    runway = Float(None, allow_none=True, help="Seconds the credits last at that rate; None if unknown.")
    retry_at = Instance(datetime, allow_none=True, help="When the server allows the next try; aware.")
    interval = Float(settings.INTERVAL, help="Seconds between two readings.")
    notice = Unicode(help="What the user must know at once, such as a budget's warning; empty if nothing.")
    outlook = Unicode(help='What the credits are enough for: "enough for about 14 more runs of …".')
    forecast = Unicode(help='When they run out by the usual hours: "runs out on Thu 3 Dec".')
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
        """Prepare to read; no request is made before `start`, `attach`, `refresh` or `read`.

        Args:
            client: The client to read with.
            interval: Seconds between two readings.
            clock: The clock for times and waits; the machine's by default.
            jitter: Returns a random number between two bounds, for the pauses after failures.
            threads: Whether to read on a thread; if not, in the event loop running at `start`.
        """
        super().__init__(interval=interval)
        self.client = client
        self.clock = clock or Clock()
        """The clock that stamps its readings."""
        self._iterations: set[Callable[[], None]] = set()
        self._publisher = Publisher(self)
        self._reader = Reader(
            client,
            self._publisher,
            interval=self.interval,
            clock=self.clock,
            jitter=jitter,
            threads=threads,
            shared=sharing.of(client),
        )
        self.observe(self._reschedule, "interval")
        _registry.add(self)
        forget_after_fork(self)

    def __repr__(self) -> str:
        return f"CreditsFetcher({self.client!r}, interval={self.interval:g}, status={str(self.status)!r})"

    def __aiter__(self) -> AsyncGenerator[Credits]:
        """Return an iterator over the readings as they arrive, until `stop`; it keeps the reading fresh."""
        return readings_of(self, self._iterations)

    @classmethod
    def shared(cls, client: Client, interval: float = settings.INTERVAL) -> CreditsFetcher:
        """Return this process's one fetcher for the client's base URL and key, creating it if needed.

        After its thread has stopped, it keeps its last reading for the next subscriber.

        Args:
            client: The client a new fetcher reads with.
            interval: Seconds between two readings of a new fetcher.

        Returns:
            The fetcher; the same one until `stop_all`.
        """
        return cls.shared_as(client.identity, lambda: client, interval)

    @classmethod
    def shared_as(
        cls, identity: str, make_client: Callable[[], Client], interval: float = settings.INTERVAL
    ) -> CreditsFetcher:
        """Do as `shared` does, without creating a client for an account that is known.

        Args:
            identity: The identity of the client's base URL and key.
            make_client: Creates the client a new fetcher reads with.
            interval: Seconds between two readings of a new fetcher.

        Returns:
            The fetcher; the same one until `stop_all`.
        """
        return _registry.get(identity, lambda: cls(make_client(), interval))

    # -- subscribers -----------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether the reading is kept fresh for a subscriber."""
        return self._reader.has_subscribers

    def is_attached(self, subscriber: Hashable) -> bool:
        """Return whether the reading is kept fresh for a subscriber."""
        return self._reader.is_attached(subscriber)

    def start(self) -> None:
        """Keep the reading fresh until `stop`, even without another subscriber.

        Raises:
            EvoLinkError: The platform can't start another thread.
        """
        self.attach(self, self.interval)

    def attach(
        self, subscriber: Hashable, interval: float, *, ignores_pause: bool = False, fresh: bool = False
    ) -> None:
        """Keep the reading fresh while ``subscriber`` is attached; the shortest interval requested applies.

        Args:
            subscriber: The subscriber; attaching it again updates its settings.
            interval: The longest time between two readings, in seconds.
            ignores_pause: Whether `pause` has no effect while it is attached, as for a budget, which must
                keep watching. Reading then also goes on after a refused key, more and more slowly.
            fresh: Whether to use no readings shared by other processes while it is attached.

        Raises:
            EvoLinkError: The platform can't start another thread; the subscriber is not attached.
            TraitError: The interval is not a finite number.
        """
        try:
            self._reader.attach(subscriber, interval, ignores_pause=ignores_pause, fresh=fresh)
        except ValueError as error:
            raise TraitError(str(error)) from None
        self._use_shortest_interval()

    def detach(self, subscriber: Hashable) -> None:
        """Detach a subscriber; detaching the last one stops the thread, unless a caller waits for a read.

        Args:
            subscriber: The subscriber; ignored if not attached.
        """
        self._reader.detach(subscriber)
        self._use_shortest_interval()

    def stop(self, *, timeout: float = STOP_TIMEOUT) -> None:
        """Detach all subscribers, cancel a read in flight and end the thread; the last reading stays.

        Args:
            timeout: The longest time to wait for the thread to end, in seconds.
        """
        self._reader.stop(timeout)
        for wake in tuple(self._iterations):
            wake()

    def set_visible(self, subscriber: Hashable, *, visible: bool) -> None:
        """Record whether a subscriber is on screen; while none is visible, readings are 2 minutes apart.

        Args:
            subscriber: The subscriber; ignored if not attached.
            visible: Whether the user can see it.
        """
        with self._reader.changing() as subscriptions:
            changed = subscriptions.set_visible(subscriber, visible=visible)
        if changed:
            self._use_shortest_interval()

    def pause(self) -> None:
        """Stop reading until `resume`, except for `refresh` and `read`."""
        with self._reader.changing() as subscriptions:
            subscriptions.paused = True

    def resume(self) -> None:
        """Resume reading after `pause`, starting now."""
        with self._reader.changing(read_now=True) as subscriptions:
            subscriptions.paused = False

    # -- reading ---------------------------------------------------------------------------------------

    @property
    def readings(self) -> tuple[Credits, ...]:
        """The last good readings, oldest first; at most 1000."""
        return self._reader.readings

    @property
    def requested_at(self) -> float:
        """When the last good reading was requested, in the clock's seconds. It excludes later spending."""
        readings = self._reader.readings
        return readings[-1].requested_at if readings else 0.0

    @property
    def retry_after_left(self) -> float:
        """Seconds for which the server's Retry-After still applies; 0 if none does."""
        return self._reader.retry_after_left

    def refresh(self) -> None:
        """Request a reading, from any thread; joins a read in flight.

        Returns at once while there is a subscriber; otherwise reads before it returns. While a Retry-After
        applies, subscribers get the reading after it; without subscribers, nothing is read.

        Raises:
            EvoLinkError: The platform can't start another thread; or the caller is an observer of this
                fetcher, which would wait for itself. The reason for a failed read is in ``error``.
        """
        with own_wait():
            self._reader.refresh()

    def read(self, *, join: bool = True) -> Credits:
        """Return a reading taken now, shared with every observer.

        Args:
            join: Whether a read already in flight will do; if not, a read begins after this call.

        Returns:
            The reading.

        Raises:
            EvoLinkError: The read failed (raised at once while a Retry-After applies), or the caller is an
                observer of this fetcher, which would wait for itself.
        """
        with own_wait():
            return self._reader.read(fresh=not join)

    def wait(self, seconds: float) -> None:
        """Wait for the first attempt to end; return at once if none is going to be made.

        Args:
            seconds: The longest time to wait.
        """
        with own_wait():
            self._reader.wait(seconds)

    # -- notifying -------------------------------------------------------------------------------------

    def set_message(
        self, *, notice: str | None = None, outlook: str | None = None, forecast: str | None = None
    ) -> None:
        """Show a message in every view, from any thread.

        Args:
            notice: What the user must know at once; "" removes it, None leaves it as it is.
            outlook: How much the credits are enough for, in the user's own unit; "" and None as for
                ``notice``.
            forecast: When they run out at the usual hours of spending; "" and None as for ``notice``.
        """
        changes = {"notice": notice, "outlook": outlook, "forecast": forecast}
        changes = {name: text for name, text in changes.items() if text not in {None, getattr(self, name)}}
        if changes:
            self._publisher.make(partial(self._publisher.publish, **changes))

    def notify(self) -> None:
        """Notify the observers of ``revision`` as after a change, from any thread."""
        self._publisher.make(self._publisher.publish)

    @validate("interval")
    def _check_interval(self, proposal: Any) -> float:
        seconds = float(proposal["value"])
        if not MIN_INTERVAL <= seconds < float("inf"):
            raise TraitError(f"interval must be at least {MIN_INTERVAL} seconds, not {seconds:g}.")
        return seconds

    def after_fork(self) -> None:
        """Stop claiming freshness in a forked child, where nothing reads until asked to."""
        # Without notifying the observers, which are the parent's and use its connections.
        self._trait_values["status"] = status_after_stop(self.status, kept=True)

    def _reschedule(self, _change: object = None) -> None:
        self._reader.reschedule(self.interval)

    def _use_shortest_interval(self) -> None:
        # One at a time: if two threads attach and detach, the last one to set it must be right.
        self._publisher.make(
            lambda: setattr(self, "interval", self._reader.shortest_interval or self.interval)
        )
        # The other subscribers may all be hidden: a reading planned for them is too late for a new one.
        self._reschedule()


_registry: SharedFetchers[CreditsFetcher] = SharedFetchers()


def shared_fetchers() -> tuple[CreditsFetcher, ...]:
    """Return this process's shared fetchers, one for each base URL and key in use."""
    return tuple(_registry)


def watch_shared(watcher: Callable[[CreditsFetcher], None]) -> Callable[[], None]:
    """Call a function with each present and future shared fetcher; return a function that ends this."""
    return _registry.watch(watcher)


@atexit.register
def stop_all() -> None:
    """Stop every fetcher of this process, at exit and when the extension is unloaded; leave no thread."""
    _registry.stop_all()
    end_idle_threads()
