"""One pass of a tracked loop: its bar, its readings, its end. The only module that knows tqdm."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..credits import difference
from ..errors import EvoLinkError
from ..formatting import counted, format_amount
from ..polling.backoff import PERMANENT_ERRORS
from . import ledger
from .cost import is_frozen, spent_so_far
from .loop_spend import LoopSpend, length_of
from .loop_text import affordability, bar_text, cost_text, encodable, why_over, why_stopped

if TYPE_CHECKING:
    from ..credits import Credits
    from .call_site import CallSite
    from .measurement import Measurement

# tqdm's own format, except for the items per second: that space is for their cost.
_BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"


@dataclass(frozen=True, slots=True)
class LoopTiming:
    """How long a loop waits, and how often it shows something.

    Attributes:
        patience: Seconds that a loop with a limit waits, before an item, for an unreadable balance.
        first_pause: Seconds before the first of those attempts; doubled for each further one.
        max_pause: The longest time between those attempts, in seconds.
        last_wait: Seconds that the end of a loop waits for its cost to settle.
        max_age: Seconds after which the bar shows the age of its reading, unless readings are rarer than
            that.
        redraw: The shortest time between two changes of the bar's text, in seconds; tqdm's own pace.
    """

    patience: float = 30.0
    first_pause: float = 1.0
    max_pause: float = 8.0
    last_wait: float = 1.0
    max_age: float = 10.0
    redraw: float = 0.1


class LoopRun:
    """One pass over the items: the bar, the readings, and the end.

    `read` and `wait` wait for the network, on any thread, and touch only the bar's text.

    Attributes:
        measurement: The loop's cost.
        spend: What its items have cost so far.
        stopped: Why the loop ended before its last item; None if it didn't.
    """

    def __init__(
        self,
        measurement: Measurement,
        *,
        call_site: CallSite,
        length: int | None,
        limit: Decimal | None,
        every: float,
        timing: LoopTiming,
    ) -> None:
        """Prepare a run for `open`.

        Args:
            measurement: The loop's measurement, entered and begun by then.
            call_site: The loop's name in the ledger and on the bar.
            length: The number of items; None if unknown.
            limit: Credits that the loop may spend; None for no limit.
            every: Seconds between two readings of a loop without a limit.
            timing: How long to wait.
        """
        self.measurement = measurement
        self.spend = LoopSpend(limit, length)
        self.stopped: str | None = None
        self._fetcher = measurement.fetcher
        self._call_site = call_site
        self._every = every
        self._timing = timing
        self._bar: Any = None
        self._begun = self._done = 0
        self._shown_at = 0.0
        self._unread: str | None = None
        self._ended = threading.Event()
        self._waited = self._closed = False

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
            self._print(f"The balance can't be read, so the items' cost is unknown: {error.message}")
        else:
            self.spend.record(before, before, 0)
            if self.spend.expected is not None:
                self._print(affordability(self.spend, before.spendable, self.spend.expected))
        self._bar = _tqdm()(
            desc=self._call_site.given,
            total=self.spend.length,
            bar_format=_BAR if self.spend.length else None,
            postfix=encodable(self._bar_text(), sys.stderr),
            unit=" items",
        )
        if not self.is_limited:
            self._fetcher.attach(self, self._every)

    def read(self) -> None:
        """Read the balance before the next item of a loop with a limit; the first already has its reading."""
        if not self.is_limited or not self._begun:
            return
        deadline = time.monotonic() + self._timing.patience
        pause = self._timing.first_pause
        while not self._ended.is_set():
            try:
                self._fetcher.read(join=False)
            except EvoLinkError as error:
                self._unread = error.message
                pause_now = max(pause, self._fetcher.retry_after_left)
                if isinstance(error, PERMANENT_ERRORS) or time.monotonic() + pause_now > deadline:
                    return
            else:
                self._unread = None
                return
            self._bar.set_postfix_str("the balance can't be read, trying again")
            self._ended.wait(pause_now)
            pause = min(pause * 2, self._timing.max_pause)

    def may_continue(self, iterable: object) -> bool:
        """Show the newest reading, and decide whether another item may begin.

        Args:
            iterable: The iterable of the loop.

        Returns:
            Whether it may; also True if no items are left. If not, ``stopped`` says why.
        """
        self._record(self._fetcher.credits, self._done)
        self._show()
        if self._done == length_of(iterable):
            return True  # no items are left: let the iterator say so
        if self._unread is not None:
            reason = f"the balance can't be read, so max_credits can't be enforced. {self._unread}"
        elif not self.spend.may_continue():
            reason = why_stopped(self.spend)
        else:
            return True
        self.stopped = f"Stopped before item {self._done + 1}{self._of_length()}: {reason}"
        return False

    def begin_item(self) -> None:
        """Count an item handed out."""
        self._begun += 1

    def end_item(self) -> None:
        """Count an item done."""
        self._done += 1

    # -- the end ---------------------------------------------------------------------------------------

    def end(self) -> None:
        """End the stretch of work and all that was started for it; its cost continues to settle."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._fetcher.detach(self)
        if self._bar is None or not self._begun or sys.is_finalizing():
            self.measurement.abandon()
            return
        self.measurement.stop()
        key, name = self._call_site.key, self._call_site.name
        self.measurement.record("loop", key=key, name=name, items=self._begun)
        self.measurement.settle_in_background()

    def wait(self) -> None:
        """Wait briefly for the cost to settle, before something else spends."""
        if not self._waited:
            self._waited = True
            if not self.measurement.wait(self._timing.last_wait):
                self.measurement.supersede()

    def close(self) -> None:
        """End the run, however the loop was left, and print a summary."""
        if self._closed:
            return
        self._closed = True
        try:
            self.end()
            self.wait()
        finally:
            if self._bar is not None:
                self._close_bar()

    def _close_bar(self) -> None:
        before, after = self.measurement.before, self.measurement.after
        last = after or self._fetcher.credits
        if before is not None and last is not None:
            # An item left halfway counts if it has cost anything.
            moved = difference(spent_so_far(before, last), self.spend.spent or Decimal(0)) > 0
            self._record(last, self._begun if moved else self._done)
        lines = [self.stopped]
        if self._begun:
            lines.append(self._closing_line(is_fresh=after is not None))
        if self.spend.over is not None and self.stopped is None:
            over_by = format_amount(self.spend.over_by)
            lines.append(f"Over max_credits by {over_by}: {why_over(*self.spend.over)}")
        self._show(now=True)
        self._bar.close()
        for line in filter(None, lines):
            self._print(line)

    def _closing_line(self, *, is_fresh: bool) -> str:
        if self._begun > self._done:
            did = f"Loop left during item {self._begun}{self._of_length()}:"
        else:
            did = f"{counted(str(self._done), 'item')},"
        before, reading = self.measurement.before, self.spend.reading
        is_of_key = before is None or reading is None or not is_frozen(before, reading)
        said = cost_text(self.spend, self.measurement.cost, is_of_key=is_of_key, is_fresh=is_fresh)
        return f"{did} {said}"

    # -- display ---------------------------------------------------------------------------------------

    def describe(self) -> str:
        """Return the loop's progress, and the bar's text about its cost."""
        return f"{self._done} done, {self._bar_text()}"

    def _record(self, reading: Credits | None, items: int) -> None:
        before = self.measurement.before
        if before is not None and reading is not None and reading is not self.spend.reading:
            self.spend.record(before, reading, items)

    def _show(self, *, now: bool = False) -> None:
        time_now = time.monotonic()
        if now or self.is_limited or time_now - self._shown_at >= self._timing.redraw:
            self._shown_at = time_now
            self._bar.set_postfix_str(encodable(self._bar_text(), sys.stderr), refresh=False)
        self._bar.update(self._done - self._bar.n)

    def _bar_text(self) -> str:
        reading = self.spend.reading
        if reading is None:
            return bar_text(self.spend)
        age = time.monotonic() - reading.monotonic
        is_old = self._fetcher.error is not None or age > max(self._timing.max_age, 3 * self._every)
        return bar_text(self.spend, unread_for=age if is_old else None)

    def _print(self, line: str) -> None:
        """Print a line above any bars on the screen."""
        _tqdm().write(encodable(line, sys.stdout))

    def _of_length(self) -> str:
        return f" of {self.spend.length}" if self.spend.length else ""


def _tqdm() -> Any:
    """Return the tqdm class that suits this front end."""
    from tqdm.auto import tqdm  # noqa: PLC0415 - it imports widgets, and only loops use it

    return tqdm
