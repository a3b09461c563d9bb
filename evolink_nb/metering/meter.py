"""`meter`: measures a block, function or coroutine."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .. import runtime
from ..errors import BudgetExceeded
from ..formatting import format_amount
from .account import shared_fetcher
from .active import active_measurements
from .budget import Budget
from .budgets.blindness import MAX_BLIND
from .budgets.grace import GRACE
from .budgets.limits import parse_limit, require_limit
from .budgets.options import WARN_AT, BudgetOptions
from .budgets.watch_timing import WATCH_INTERVAL
from .call_site import CallSite
from .interrupt import InterruptTarget
from .interrupts.raising import is_stop
from .measurement import Measurement
from .metered import MeteredCost
from .settlement import SETTLE, SettleTiming

if TYPE_CHECKING:
    from decimal import Decimal

    from ..api.client import EvoLinkClient

F = TypeVar("F", bound=Callable[..., Any])

_THREAD = "evolink-nb-meter"


class meter:  # noqa: N801 - used like a function: `with meter() as cost`, `@meter()`
    """Measure what a block, function or coroutine costs; with ``max_credits``, stop it at that limit.

    Example::

        with meter(max_credits=5) as cost:
            ...
        cost.token, cost.user, cost.others, cost.confidence

    Leaving the block waits until the cost has settled, for at most ``settle`` seconds; with ``async with``
    the event loop keeps running meanwhile. As a decorator, it measures each call.

    ``max_credits`` stops the work once that much is spent, including reservations, and raises
    `BudgetExceeded`: a call with ``client.auth`` is refused before it is sent; one under way may finish.
    Work that makes no such calls, or goes on for ``grace`` seconds, is interrupted. With a limit, an
    unreadable balance raises its `EvoLinkError` before the work; without one, the cost is *unknown*.

    Attributes:
        last: The latest cost of a decorated function; None before its first call.
    """

    def __init__(
        self,
        max_credits: Decimal | float | str | None = None,
        *,
        name: str | None = None,
        settle: float = SETTLE,
        every: float = WATCH_INTERVAL,
        warn_at: float | None = WARN_AT,
        grace: float = GRACE,
        max_blind: float | None = MAX_BLIND,
        client: EvoLinkClient | None = None,
    ) -> None:
        """Prepare to measure; nothing is read yet.

        Args:
            max_credits: Credits after which the work is stopped; None for no limit.
            name: The work's name in the ledger and in messages; its place in the source by default.
            settle: The longest time to wait for the cost to settle, in seconds. If shorter than the quiet
                time (6 s), it replaces it, unless the account has been seen to charge later.
            every: The longest time between two readings while there is a limit, in seconds.
            warn_at: The fraction of the limit at which to warn, once; None or 0 for no warning.
            grace: How many seconds work that makes calls with ``client.auth`` may go on at the limit.
            max_blind: Seconds after which work is stopped if the balance can't be read; None for never.
            client: The client for the account; by default, one with the key that `settings` finds.

        Raises:
            ValueError: ``max_credits`` is not a number above 0, another option is invalid, or an option that
                needs a limit is given without one.
            TypeError: It was used as a decorator without parentheses.
        """
        if callable(max_credits):
            raise TypeError("meter takes its options first: write @meter() with parentheses.")
        self._limit = None if max_credits is None else parse_limit(max_credits)
        self._call_site = CallSite.of(sys._getframe(1), "meter", given=name)
        self._settle = settle
        self._options = BudgetOptions.parse(every=every, warn_at=warn_at, grace=grace, max_blind=max_blind)
        require_limit(
            self._limit,
            every=(every, WATCH_INTERVAL),
            warn_at=(warn_at, WARN_AT),
            grace=(grace, GRACE),
            max_blind=(max_blind, MAX_BLIND),
        )
        self._client = client
        self._runs: list[_Run] = []
        self.last: MeteredCost | None = None

    def __getstate__(self) -> dict[str, Any]:
        # It may go to other processes, as with joblib, but without its client and key: they find their own.
        return vars(self) | {"_client": None, "_runs": [], "last": None}

    def __enter__(self) -> MeteredCost:
        run = self._new_run()
        try:
            run.enter()
            run.read()
            cost = MeteredCost(run.measurement)
            self._runs.append(run)
            run.watch(InterruptTarget)
        except BaseException:
            if run in self._runs:
                self._runs.remove(run)
            run.measurement.abandon()
            raise
        return cost

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run = self._pop_run()
        exceeded = run.end(error)
        # The figures aren't worth waiting for when something else went wrong.
        if error is None and exceeded is None:
            run.measurement.settle()
        else:
            run.measurement.settle_in_background()
        if exceeded is not None:
            raise exceeded from None

    async def __aenter__(self) -> MeteredCost:
        run = self._new_run()
        try:
            # The enclosing measurements are this task's: only the reading may run on another thread.
            run.enter()
            await runtime.run_async(run.read, name=_THREAD)
            run.watch(functools.partial(InterruptTarget, task=asyncio.current_task()))
        except BaseException:  # also when cancelled: the reading then ends by itself
            run.measurement.abandon()
            raise
        self._runs.append(run)
        return MeteredCost(run.measurement)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run = self._pop_run()
        exceeded = run.end(error)
        if exceeded is not None:
            # A cancellation requested but not yet delivered would hit the next await.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            run.measurement.settle_in_background()
            raise exceeded from None
        if error is not None:
            run.measurement.settle_in_background()
        else:
            try:
                await runtime.run_async(run.measurement.settle, name=_THREAD)
            except asyncio.CancelledError:
                # Nobody waits for the figures any more.
                run.measurement.cancel()
                raise

    def __call__(self, function: F) -> F:
        """Return a function that measures each call.

        Args:
            function: A function or coroutine function.

        Returns:
            A function that is called the same way.

        Raises:
            TypeError: ``function`` is a generator function.
        """
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            # Calling one does nothing yet: it would seem to cost nothing.
            raise TypeError("meter can't measure a generator function: put it around its loop.")
        # Other callables, such as a `functools.partial`, may have no name.
        name = getattr(function, "__name__", type(function).__name__)
        key = f"{function.__module__}.{getattr(function, '__qualname__', name)}"
        call_site = CallSite(key, self._call_site.given or name, self._call_site.given)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def measured_coroutine(*args: Any, **kwargs: Any) -> Any:
                async with self._for_one_call(call_site) as self.last:
                    return await function(*args, **kwargs)

            return cast("F", measured_coroutine)

        @functools.wraps(function)
        def measured(*args: Any, **kwargs: Any) -> Any:
            with self._for_one_call(call_site) as self.last:
                return function(*args, **kwargs)

        return cast("F", measured)

    def _for_one_call(self, call_site: CallSite) -> meter:
        # Calls may overlap in threads and tasks, so each gets its own meter.
        own = meter(self._limit, settle=self._settle, client=self._client)
        own._options = self._options
        own._call_site = call_site
        return own

    def _new_run(self) -> _Run:
        fetcher = shared_fetcher(self._client)
        measurement = Measurement(fetcher, timing=SettleTiming(settle=self._settle))
        limit = None
        if self._limit is not None:
            given = self._call_site.given
            called = f"The budget {given!r}" if given else "The meter"
            name = f"{called} (max_credits={format_amount(self._limit)})"
            limit = Budget(fetcher, self._limit, name=name, options=self._options, measured=measurement)
        return _Run(measurement, limit, self._call_site)

    def _pop_run(self) -> _Run:
        """Return the innermost run enclosing the running code; other threads and tasks have their own."""
        around = active_measurements.enclosing()
        own = (run for run in reversed(self._runs) if run.measurement in around)
        run = next(own, self._runs[-1])
        self._runs.remove(run)
        return run


@dataclass(frozen=True, slots=True)
class _Run:
    """One stretch of metered work: its measurement, its budget, and its place in the source."""

    measurement: Measurement
    limit: Budget | None
    call_site: CallSite

    def enter(self) -> None:
        self.measurement.enter()

    def read(self) -> None:
        """Take the reading before the work; a budget can't watch without one."""
        self.measurement.begin()
        if self.limit is not None and self.measurement.before is None:
            raise self.measurement.unreadable()

    def watch(self, target: Callable[[], InterruptTarget]) -> None:
        if self.limit is not None and self.measurement.before is not None:
            self.limit.arm(self.measurement.before, target())

    def end(self, error: BaseException | None) -> BudgetExceeded | None:
        """End the work, and return the stop its own budget sent, if any."""
        try:
            exceeded = None if self.limit is None else self.limit.disarm(error)
        except BaseException:  # another interrupt: the work has still ended
            self._record_end()
            self.measurement.settle_in_background()
            raise
        self._record_end()
        # Another budget's stop is for that budget to report.
        return exceeded if is_stop(error, exceeded) or not isinstance(error, BudgetExceeded) else None

    def _record_end(self) -> None:
        self.measurement.stop()
        self.measurement.record("meter", key=self.call_site.key, name=self.call_site.name)
