"""`meter`: what a block, a function or a coroutine costs; `budget`: what all that follows may."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from ..api import settings
from ..api.client import EvoLinkClient
from ..errors import BudgetExceeded
from ..formatting import format_amount
from ..polling.fetcher import CreditsFetcher
from .budget import Budget, SessionBudget
from .interrupt import InterruptTarget
from .limits import parse_interval, parse_limit
from .measurement import SETTLE, Measurement, under_way
from .place import CallSite
from .watch import WATCH_INTERVAL, Timing

if TYPE_CHECKING:
    from decimal import Decimal

    from .cost import Confidence, Cost

F = TypeVar("F", bound=Callable[..., Any])


class meter:  # noqa: N801 - used like a function: `with meter() as cost`, `@meter()`
    """Measure what a block, a function or a coroutine costs; with ``max_credits``, stop it there.

        with meter(max_credits=5) as cost:
            ...
        cost.token, cost.user, cost.others, cost.confidence

    Leaving the block waits until the cost has settled, ``settle`` seconds at most; inside ``async with`` the
    event loop goes on meanwhile. As a decorator it measures each call; ``last`` holds the newest cost.

    ``max_credits`` interrupts the work once that much is spent, reservations included, and raises
    `BudgetExceeded`; the balance is read every ``every`` seconds for that. ``name`` is what the ledger and
    messages call it by. ``client`` says whose account is read, by default the one `settings` finds.
    With ``max_credits`` a balance that can't be read raises its `EvoLinkError` before the work; without, the
    cost is *unknown*. Raises ``ValueError`` when ``max_credits`` is no number above 0.
    """

    def __init__(
        self,
        max_credits: Decimal | float | str | None = None,
        *,
        name: str | None = None,
        settle: float = SETTLE,
        every: float = WATCH_INTERVAL,
        client: EvoLinkClient | None = None,
    ) -> None:
        if callable(max_credits):
            raise TypeError("meter takes its options first: write @meter() with parentheses.")
        self._limit = None if max_credits is None else parse_limit(max_credits)
        self._place = CallSite.of(sys._getframe(1), "meter", given=name)
        self._settle = settle
        self._every = every
        self._client = client
        self._running: list[_Running] = []
        self.last: MeteredCost | None = None

    def __enter__(self) -> MeteredCost:
        running = self._prepare()
        try:
            running.enter()
            running.read()
            cost = MeteredCost(running.measurement)
            self._running.append(running)
            running.watch(InterruptTarget)
        except BaseException:
            if running in self._running:
                self._running.remove(running)
            running.measurement.abandon()
            raise
        return cost

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        running = self._leave()
        exceeded = running.end(error)
        # Nobody waits for figures when something else went wrong.
        if error is None and exceeded is None:
            running.measurement.settle()
        else:
            running.measurement.settle_in_background()
        if exceeded is not None:
            raise exceeded from None

    async def __aenter__(self) -> MeteredCost:
        running = self._prepare()
        try:
            # The measurements around it are this task's: only the reading is handed to another thread.
            running.enter()
            await asyncio.to_thread(running.read)
            running.watch(functools.partial(InterruptTarget, task=asyncio.current_task()))
        except BaseException:  # cancelled, too: the reading then ends by itself
            running.measurement.abandon()
            raise
        self._running.append(running)
        return MeteredCost(running.measurement)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        running = self._leave()
        exceeded = running.end(error)
        if exceeded is not None:
            # A cancellation that was asked for, but not delivered yet, would hit whatever is awaited next.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            running.measurement.settle_in_background()
            raise exceeded from None
        if error is not None:
            running.measurement.settle_in_background()
        else:
            try:
                await asyncio.to_thread(running.measurement.settle)
            except asyncio.CancelledError:
                # Its loop ends only when the thread does.
                running.measurement.cancel()
                raise

    def __call__(self, function: F) -> F:
        """Give ``function``, or coroutine function, with each of its calls measured."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            # A call of one does nothing yet: it would seem to cost nothing.
            raise TypeError("meter can't measure a generator function: put it around its loop.")
        # An object that is called like one, as a `functools.partial`, may have no name.
        name = getattr(function, "__name__", type(function).__name__)
        key = f"{function.__module__}.{getattr(function, '__qualname__', name)}"
        place = CallSite(key, self._place.given or name, self._place.given)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def measured_coroutine(*args: Any, **kwargs: Any) -> Any:
                async with self._again(place) as self.last:
                    return await function(*args, **kwargs)

            return cast("F", measured_coroutine)

        @functools.wraps(function)
        def measured(*args: Any, **kwargs: Any) -> Any:
            with self._again(place) as self.last:
                return function(*args, **kwargs)

        return cast("F", measured)

    def _again(self, place: CallSite) -> meter:
        # Calls may overlap, in threads and tasks: each has a meter of its own.
        again = meter(self._limit, settle=self._settle, every=self._every, client=self._client)
        again._place = place
        return again

    def _leave(self) -> _Running:
        """Give the innermost of its work that the running code is in: other threads and tasks have theirs."""
        around = under_way.around()
        own = (running for running in reversed(self._running) if running.measurement in around)
        running = next(own, self._running[-1])
        self._running.remove(running)
        return running

    def _prepare(self) -> _Running:
        fetcher = shared_fetcher(self._client)
        measurement = Measurement(fetcher, settle=self._settle)
        limited = None
        if self._limit is not None:
            called = f"The budget {self._place.given!r}" if self._place.given else "The meter"
            name = f"{called} (max_credits={format_amount(self._limit)})"
            timing = Timing(interval=parse_interval(self._every))
            limited = Budget(fetcher, self._limit, name=name, timing=timing)
        return _Running(measurement, limited, self._place)


def budget(
    max_credits: Decimal | float | str,
    *,
    name: str | None = None,
    every: float = WATCH_INTERVAL,
    client: EvoLinkClient | None = None,
) -> SessionBudget:
    """Stop whatever goes on spending once ``max_credits`` are spent, from now until ``cancel()``.

    Its ``spent`` and ``left`` are in credits. Raises ``ValueError`` when ``max_credits`` is no number above
    0, and the `EvoLinkError` that came when the balance can't be read.
    """
    limit = parse_limit(max_credits)
    called = f"The budget {name!r}" if name else "The session's budget"
    shown = f"{called} of {format_amount(limit)} credits"
    timing = Timing(interval=parse_interval(every))
    return SessionBudget(shared_fetcher(client), limit, name=shown, timing=timing)


def shared_fetcher(client: EvoLinkClient | None = None) -> CreditsFetcher:
    """Give this process's fetcher for ``client``, by default for the key that `settings` finds."""
    return CreditsFetcher.shared(client or EvoLinkClient(), settings.INTERVAL)


class HasCost(Protocol):
    """What has a cost, as a `Measurement` does."""

    @property
    def cost(self) -> Cost:
        """The cost as far as it is known."""

    @property
    def seconds(self) -> float:
        """Seconds that the work took."""

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the cost is final, and tell whether it is."""


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """Work that no account could be read for: its cost is unknown, and stays so."""

    cost: Cost
    seconds: float = 0.0

    def wait(self, seconds: float | None = None) -> bool:  # noqa: ARG002 - there is nothing to wait for
        """Say at once that the cost is final."""
        return True


class MeteredCost:
    """The cost of a metered stretch of work as far as it is known; it gets sure as the account settles."""

    def __init__(self, measurement: HasCost) -> None:
        self._measurement = measurement

    @property
    def credits(self) -> Decimal | None:
        """The best single figure: what the key spent, else what the account spent; None when unknown."""
        return self._measurement.cost.credits

    @property
    def token(self) -> Decimal | None:
        """Credits that this key spent; None when its own counter doesn't move, or nothing is known yet."""
        return self._measurement.cost.token

    @property
    def user(self) -> Decimal | None:
        """Credits that the whole account spent."""
        return self._measurement.cost.user

    @property
    def others(self) -> Decimal | None:
        """Credits that the account spent beyond this key."""
        return self._measurement.cost.others

    @property
    def topped_up(self) -> Decimal | None:
        """Credits that came onto the account meanwhile; never netted off what was spent."""
        return self._measurement.cost.topped_up

    @property
    def seconds(self) -> float:
        """Seconds that the work took, settling not counted."""
        return self._measurement.seconds

    @property
    def settled(self) -> bool:
        """Whether the figures will not move any more."""
        return self._measurement.cost.settled

    @property
    def confidence(self) -> Confidence:
        """How sure the figures are: clean, shared, unsettled, inconsistent or unknown."""
        return self._measurement.cost.confidence

    @property
    def reason(self) -> str:
        """Why the confidence is what it is."""
        return self._measurement.cost.reason

    @property
    def simulated(self) -> bool:
        """Whether it is the demo account's credits that were spent."""
        return self._measurement.cost.simulated

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the figures are final, ``seconds`` at most, and tell whether they are."""
        return self._measurement.wait(seconds)

    def __repr__(self) -> str:
        figure = "unknown" if self.credits is None else f"{format_amount(self.credits)} credits"
        return f"<cost: {figure}, {self.confidence}: {self.reason}>"


@dataclass(frozen=True, slots=True)
class _Running:
    """One stretch of work under way: how it is measured, what stops it, and where it stands."""

    measurement: Measurement
    limited: Budget | None
    place: CallSite

    def enter(self) -> None:
        self.measurement.enter()

    def read(self) -> None:
        """Take the reading before the work; without one there is nothing to watch a budget by."""
        self.measurement.begin()
        if self.limited is not None and self.measurement.before is None:
            raise self.measurement.unreadable()

    def watch(self, work: Callable[[], InterruptTarget]) -> None:
        if self.limited is not None and self.measurement.before is not None:
            self.limited.arm(self.measurement.before, work())

    def end(self, error: BaseException | None) -> BudgetExceeded | None:
        """End the work, and tell whether its own budget stopped it."""
        try:
            exceeded = None if self.limited is None else self.limited.disarm()
        except BaseException:  # an interrupt that is not this budget's: the work has ended all the same
            self._note_end()
            self.measurement.settle_in_background()
            raise
        self._note_end()
        # What another budget stopped is that one's to say.
        return None if isinstance(error, BudgetExceeded) else exceeded

    def _note_end(self) -> None:
        self.measurement.stop()
        self.measurement.record("meter", key=self.place.key, name=self.place.name)
