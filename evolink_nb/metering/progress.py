"""One pass of a tracked loop: its readings between the items, its end, and what it prints."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from . import ledger
from .followed_account import HISTORY
from .loops.ahead import WorkAhead, ended_ahead, runs_ahead
from .loops.ahead_guard import AheadGuard
from .loops.bar import LoopBar, write_line
from .loops.budget import LoopBudget
from .loops.closing import ClosingLine
from .loops.reader import LoopReader, LoopTiming
from .loops.spend import LoopSpend, Verdict, length_of
from .loops.text import (
    Fact,
    affordability,
    ahead_over_text,
    bar_facts,
    cost_text,
    done_text,
    early_items_text,
    joined,
    over_text,
    why_stopped,
)
from .loops.view import Stage
from .measurement import Measurement

if TYPE_CHECKING:
    from decimal import Decimal

    from ..polling.fetcher import CreditsFetcher
    from .call_site import CallSite

log = logging.getLogger(__name__)

GOES_ON = " Work started ahead of the loop goes on and may spend more."


class LoopRun:
    """One pass over the items: the bar, the readings and the end.

    `read` and `wait` wait for the network, may run on any thread, and change only the bar's text.

    Attributes:
        measurement: The loop's cost.
        spend: What its items have cost so far.
        stopped: Why the loop ended before its last item; None if it didn't.
    """

    def __init__(
        self,
        fetcher: CreditsFetcher,
        *,
        iterable: object,
        call_site: CallSite,
        length: int | None,
        limit: Decimal | None,
        warn_at: Decimal | None,
        timing: LoopTiming,
    ) -> None:
        """Prepare a run. Begin its measurement, then call `open`.

        Args:
            fetcher: The fetcher that reads the account.
            iterable: The items.
            call_site: The loop's name in the ledger and on the bar.
            length: The number of items; None if unknown.
            limit: Credits that the loop may spend; None for no limit.
            warn_at: The fraction of the limit at which to warn, once; None for no warning.
            timing: How long to wait, and how often to read.
        """
        self.spend = LoopSpend(limit, length, timing.lag)
        self.stopped: str | None = None
        self._closing = ClosingLine(call_site.name, limit)
        self.measurement = Measurement(fetcher, listener=self._closing)
        self._fetcher = fetcher
        self._iterable = iterable
        work = None if limit is None else WorkAhead.of(iterable)
        self._guard = None if work is None else AheadGuard(work, self.spend, fetcher)
        self._budget = LoopBudget(fetcher, self.spend, call_site, warn_at=warn_at)
        self._call_site = call_site
        self._timing = timing
        self._bar: LoopBar | None = None
        self._begun = self._done = 0
        self._reader = LoopReader(fetcher, self.spend, timing, self._show_at_once)
        self._is_closed = False

    @property
    def is_limited(self) -> bool:
        """Whether the loop has a limit."""
        return self.spend.limit is not None

    # -- the items -------------------------------------------------------------------------------------

    def open(self) -> None:
        """Print what is known before the first item, show the bar, and start reading the balance.

        Raises:
            EvoLinkError: The loop has a limit, and the balance can't be read.
        """
        before = self.measurement.before
        ended = ended_ahead(self._iterable)
        if before is None and self.is_limited:
            raise self.measurement.unreadable()
        self.spend.expected = ledger.expected(
            ledger.current().entries(),
            self._call_site.key,
            per_item=True,
            simulated=self.measurement.cost.simulated,
        )
        if before is None:
            error = self.measurement.unreadable()
            write_line(f"The balance can't be read, so the items' cost is unknown: {error.message}")
        else:
            earlier = takewhile(lambda reading: reading is not before, self._fetcher.readings)
            self.spend.start(before, list(earlier)[-HISTORY:])
            self.spend.early_items = ended
            if self.spend.expected is not None:
                write_line(affordability(self.spend, before.spendable, self.spend.expected))
        self._bar = LoopBar(name=self._call_site.given, length=self.spend.length, redraw=self._timing.redraw)
        self._show(now=True)
        if not self.is_limited:
            self._fetcher.attach(self, self._timing.every)
        self._budget.begin()
        if self._guard is not None:
            self._guard.start()

    @property
    def items(self) -> Any:
        """What to iterate over."""
        return self._iterable if self._guard is None else self._guard.work

    def read(self) -> None:
        """Read the balance before the next item of a loop with a limit; the first already has its reading.

        If the next item could otherwise exceed the limit, wait for the charges of the items that are done;
        but not if the work runs ahead of the loop and wouldn't wait anyway.
        """
        if not self.is_limited or not self._begun:
            return
        if self._guard is None:
            self._reader.read(self._done, no_wait=self._is_last or runs_ahead(self._iterable))
        elif self._reader.read_once():
            self._guard.check()

    def may_continue(self) -> bool:
        """Show the newest reading, and decide whether another item may begin.

        Returns:
            Whether it may; True also if no items are left. If False, ``stopped`` says why.
        """
        if not self.is_limited:
            self.spend.record(self._fetcher.readings, self._done)
        self._show()
        self._budget.check()
        reason = self._why_not()
        if self._guard is not None:
            if self._reader.unread is not None and reason is not None:
                self._guard.give_up(reason)
            # Work that has begun is paid for, so its items are handed out.
            self.stopped = self._guard.stopped
            return True
        if reason is None or self._is_last:
            return True  # if no items are left, the iterator will say so
        self.stopped = f"Stopped before item {self._done + 1}{self._of_length()}: {reason}"
        log.info("stopped: a loop after %s items, %s credits", self._done, self.spend.spent)
        if runs_ahead(self._iterable):
            self.stopped += GOES_ON
        return False

    def _why_not(self) -> str | None:
        if self._reader.unread is not None:
            return f"the balance can't be read, so max_credits can't be enforced. {self._reader.unread}"
        is_over = self.spend.is_used_up if runs_ahead(self._iterable) else self.spend.decide() is Verdict.STOP
        return why_stopped(self.spend) if is_over else None

    def begin_item(self) -> None:
        """Count an item as handed out."""
        self._begun += 1

    def end_item(self) -> None:
        """Count an item as done."""
        self._done += 1
        if self._guard is not None:
            return  # its calls were counted when they ended
        made = self._reader.calls_made() if self.is_limited else ()
        self.spend.end_item(self._done, self._fetcher.clock.monotonic(), made)

    # -- the end ---------------------------------------------------------------------------------------

    def end(self) -> None:
        """End the stretch of work and everything started for it; its cost goes on settling."""
        if self._reader.ended.is_set():
            return
        self._reader.ended.set()
        self._fetcher.detach(self)
        self._budget.end()
        if self._guard is not None:
            self._guard.stop()
        if self._bar is None or not self._begun or sys.is_finalizing():
            self.measurement.abandon()
            return
        self.measurement.stop()
        key, name = self._call_site.key, self._call_site.name
        self.measurement.record("loop", key=key, name=name, items=self.spend.later(self._begun))
        self.measurement.settle_in_background()

    def wait(self) -> None:
        """Wait briefly for the cost to settle, before something else spends."""
        if not self.measurement.is_superseded and not self.measurement.wait(self._timing.last_wait):
            self.measurement.supersede()

    def close(self) -> None:
        """End the run, however the loop was left, and print a summary."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self.end()
            self.wait()
        finally:
            if self._bar is not None:
                self._close_bar(self._bar)

    def _close_bar(self, bar: LoopBar) -> None:
        after = self.measurement.after
        readings = self._fetcher.readings
        if after is not None:
            # Later readings may include other work.
            readings = tuple(each for each in readings if each.monotonic <= after.monotonic)
        self.spend.record(readings, self._done, begun=self._begun)
        self._show()
        bar.close(
            self._facts(),
            Stage.of_end(
                is_stopped=self.stopped is not None,
                is_unread=self._reader.unread is not None,
                is_left=self._begun > self._done,
            ),
        )
        for line in filter(None, (self.stopped, *self._closing_lines(is_fresh=after is not None))):
            write_line(line)

    def _closing_lines(self, *, is_fresh: bool) -> Iterator[str]:
        if not self._begun:
            return
        cost = self.measurement.cost
        is_unwatched = self._guard is not None or not self.is_limited
        is_pending = not cost.settled and (self.spend.is_pending or is_unwatched)
        did = done_text(self._done, self._begun, self._of_length())
        yield f"{did} {cost_text(self.spend, cost, is_fresh=is_fresh, is_pending=is_pending)}"
        if self.spend.early_items:
            yield early_items_text(self.spend)
        if self.spend.over is not None and self._guard is not None:
            yield ahead_over_text(self.spend)
        elif self.spend.over is not None and self.stopped is None:
            yield over_text(self.spend)
        if is_fresh:
            self._closing.said(self.spend.spent, items=self.spend.later(self._begun), is_pending=is_pending)

    @property
    def _is_last(self) -> bool:
        return self._done == length_of(self._iterable)

    # -- display ---------------------------------------------------------------------------------------

    def describe(self) -> str:
        """Return the loop's progress, and the bar's text about its cost."""
        return f"{self._done} done, {joined(self._facts())}"

    def _show(self, *, now: bool = False) -> None:
        if self._bar is not None and (now or self.is_limited or self._bar.is_due):
            progress = self.spend.progress(self._done)
            self._bar.show(self._facts(), items=self._done, progress=progress, now=now)

    def _show_at_once(self, facts: tuple[Fact, ...]) -> None:
        if self._bar is not None:
            self._bar.show(facts, now=True)

    def _facts(self) -> tuple[Fact, ...]:
        reading = self.spend.reading
        if reading is None:
            return bar_facts(self.spend)
        age = self._fetcher.clock.monotonic() - reading.monotonic
        is_old = self._fetcher.error is not None or age > max(self._timing.max_age, 3 * self._timing.every)
        return bar_facts(self.spend, unread_for=age if is_old else None)

    def _of_length(self) -> str:
        return f" of {self.spend.length}" if self.spend.length else ""
