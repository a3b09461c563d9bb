"""`track`: a loop over items that shows what they cost, and stops before they exceed a limit."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from .. import runtime
from .account import shared_fetcher
from .budgets.blindness import MAX_BLIND
from .budgets.limits import parse_interval, parse_limit, parse_max_blind, parse_warn_at, require_limit
from .budgets.options import WARN_AT
from .call_site import CallSite
from .cost import Cost
from .loops.reader import EVERY, LoopTiming
from .loops.spend import length_of
from .progress import LoopRun

if TYPE_CHECKING:
    from decimal import Decimal

    from ..api.client import EvoLinkClient

_THREAD = "evolink-nb-track"

T = TypeVar("T")


class track(Generic[T]):  # noqa: N801 - used like a function: `for item in track(items)`
    """Loop over ``iterable`` with a tqdm bar that shows what it spends, with ``for`` or ``async for``.

    Example::

        for prompt in track(prompts, max_credits=50):
            ...

    With ``max_credits``, the balance is read before each item, and the loop ends *before* an item that would
    exceed the limit if it cost as much as the most expensive one so far; the loop prints why, and raises
    nothing. Accounts may charge late: until the first item's charge has shown, and whenever charges still to
    come could exceed the limit, the loop waits for them, for up to 6 seconds after an item, or longer if the
    account has been seen to take longer. An item that costs more than all before it can still exceed the
    limit; this is reported too. The loop warns at ``warn_at`` of the limit, and ends if the balance can't be
    read for ``max_blind`` seconds. Without a limit, the loop never waits, and the balance is read in the
    background every ``every`` seconds.

    Work submitted by an executor's ``map`` or for `as_completed` runs ahead of the loop: near the limit,
    queued work is cancelled, and the results of work that has begun are handed out. Items that ended before
    the balance was first read count towards the limit at the price of the others. Other work that runs ahead
    goes on, and the loop says so.

    All amounts are in credits; reservations count as spent. At its end, the loop waits up to a second for its
    cost to settle. If the final cost differs from what it printed then, it prints another line.
    """

    timing: ClassVar[LoopTiming] = LoopTiming()
    """How long the loop waits; a subclass may override this."""

    def __init__(
        self,
        iterable: Iterable[T] | AsyncIterable[T],
        *,
        max_credits: Decimal | float | str | None = None,
        total: int | None = None,
        description: str | None = None,
        client: EvoLinkClient | None = None,
        every: float = EVERY,
        warn_at: float | None = WARN_AT,
        max_blind: float | None = MAX_BLIND,
    ) -> None:
        """Prepare a loop; nothing is read until its first item is requested.

        With a limit, a balance that can't be read at that time raises its `EvoLinkError`; later, reading is
        retried for a while before the loop ends.

        Args:
            iterable: The items to loop over.
            max_credits: Credits that the loop may spend; None for no limit.
            total: The number of items, if ``len`` can't tell.
            description: The loop's name on the bar and in the ledger; its place in the source by default.
            client: The client for the account; by default, one with the key that `settings` finds.
            every: Seconds between two readings of a loop without a limit.
            warn_at: The fraction of the limit at which to warn, once; None or 0 for no warning.
            max_blind: Seconds after which the loop ends if the balance can't be read; None for never.

        Raises:
            ValueError: ``max_credits`` is not a number above 0, another option is invalid, or an option needs
                a limit but there is none, or the other way round.
            TypeError: ``iterable`` can't be looped over.
        """
        if not isinstance(iterable, Iterable | AsyncIterable):
            raise TypeError(f"track needs something to loop over, not {type(iterable).__name__}")
        self._iterable = iterable
        self._limit = None if max_credits is None else parse_limit(max_credits)
        self._length = total
        self._client = client
        self._warn_at = parse_warn_at(warn_at)
        blind = self.timing.max_blind if max_blind == MAX_BLIND else parse_max_blind(max_blind)
        self._timing = replace(self.timing, every=parse_interval(every), max_blind=blind)
        require_limit(self._limit, warn_at=(warn_at, WARN_AT), max_blind=(max_blind, MAX_BLIND))
        if self._limit is not None and every != EVERY:
            raise ValueError(
                "every can't be combined with max_credits: a loop with a limit reads before each item"
            )
        self._call_site = CallSite.of(sys._getframe(1), "loop", given=description)
        self._run: LoopRun | None = None

    def __iter__(self) -> Iterator[T]:
        if not isinstance(self._iterable, Iterable):
            raise TypeError(f"{type(self._iterable).__name__} needs `async for`")
        return self._items(self._new_run())

    def __aiter__(self) -> AsyncIterator[T]:
        run = self._new_run()
        return _Abandonable(self._items_of_a_task(self._iterable, run), run)

    @property
    def spent(self) -> Decimal | None:
        """Credits spent since the loop began, as of the newest reading; None while unknown."""
        return None if self._run is None else self._run.spend.spent

    @property
    def per_item(self) -> Decimal | None:
        """Average cost of an item in credits; None while unknown."""
        return None if self._run is None else self._run.spend.per_item

    @property
    def projected(self) -> Decimal | None:
        """Credits that all items will cost at that rate; None while the rate or their number is unknown."""
        return None if self._run is None else self._run.spend.projected

    @property
    def stopped(self) -> str | None:
        """Why the loop ended before its last item; None if it didn't."""
        return None if self._run is None else self._run.stopped

    @property
    def cost(self) -> Cost:
        """What the loop cost, and how sure that is; becomes final as the account settles after the loop."""
        return Cost() if self._run is None else self._run.measurement.cost

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until ``cost`` is final, after the loop.

        Args:
            seconds: The longest time to wait; None waits as long as settling may take.

        Returns:
            Whether it is final.
        """
        return self._run is not None and self._run.measurement.wait(seconds)

    def __repr__(self) -> str:
        return (
            f"<track {self._call_site.name!r}: {'not begun' if self._run is None else self._run.describe()}>"
        )

    def _new_run(self) -> LoopRun:
        self._run = LoopRun(
            shared_fetcher(self._client),
            iterable=self._iterable,
            call_site=self._call_site,
            length=length_of(self._iterable) if self._length is None else self._length,
            limit=self._limit,
            warn_at=self._warn_at,
            timing=self._timing,
        )
        return self._run

    # The next two methods are the same loop. The second waits for the network on another thread, which keeps
    # the event loop running; the enclosing measurements are this task's, and are recorded in it.

    def _items(self, run: LoopRun) -> Iterator[T]:
        try:
            run.measurement.enter()
            run.measurement.begin()
            run.open()
            source: Iterator[T] = iter(run.items)
            while True:
                run.read()
                if not run.may_continue():
                    break
                try:
                    item = next(source)
                except StopIteration:
                    break
                run.begin_item()
                yield item
                run.end_item()
        finally:
            run.close()

    async def _items_of_a_task(
        self, iterable: Iterable[T] | AsyncIterable[T], run: LoopRun
    ) -> AsyncGenerator[T]:
        try:
            run.measurement.enter()
            await runtime.run_async(run.measurement.begin, name=_THREAD)
            run.open()
            source = aiter(iterable) if isinstance(iterable, AsyncIterable) else iter(run.items)
            while True:
                if run.is_limited:
                    await runtime.run_async(run.read, name=_THREAD)
                if not run.may_continue():
                    break
                try:
                    item = await anext(source) if isinstance(source, AsyncIterator) else next(source)
                except (StopIteration, StopAsyncIteration):
                    break
                run.begin_item()
                yield item
                run.end_item()
            run.end()
            await runtime.run_async(run.wait, name=_THREAD)
        finally:
            run.close()


class _Abandonable(AsyncIterator[T]):
    """An asynchronous iterator that ends its run when it is dropped.

    A generator alone would be closed by a separate task some time after the loop was left.
    """

    def __init__(self, items: AsyncIterator[T], run: LoopRun) -> None:
        self._items = items
        self._run = run

    async def __anext__(self) -> T:
        return await anext(self._items)

    def __del__(self) -> None:
        self._run.close()
