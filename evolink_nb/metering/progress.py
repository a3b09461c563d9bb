"""One pass over the items of a tracked loop: its bar, its readings, its end. Only this room knows tqdm."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sized
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TextIO

from ..errors import EvoLinkError
from ..formatting import MINUS, counted, format_amount, format_time, in_credits
from ..polling.backoff import PERMANENT_ERRORS
from . import ledger
from .cost import is_frozen, spent_so_far
from .tally import EACH, ESTIMATE, LoopSpend, rounded

if TYPE_CHECKING:
    from ..credits import Credits
    from .measurement import Measurement
    from .place import CallSite

PATIENCE = 30.0
"""Seconds for which a loop that has a limit waits, before an item, for a balance that can't be read."""
FIRST_PAUSE, MAX_PAUSE = 1.0, 8.0
"""Seconds between those tries: the first pause, doubled up to the longest."""
LAST_WAIT = 1.0
"""Seconds for which the end of a loop waits for its cost to settle; it settles on behind after that."""
OLD = 10.0
"""Seconds after which the bar says how old its reading is, unless readings are rarer than that."""
SHOWN_EVERY = 0.1
"""Seconds between two changes of the bar's text at least; tqdm's own pace."""

# tqdm's own, but for the items a second: that place is for what they cost.
_BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
_ABOUT, _DOT = "\N{ALMOST EQUAL TO}", "\N{MIDDLE DOT}"
_PLAIN = {_ABOUT: "about", _DOT: "|", MINUS: "-"}


class LoopRun:
    """One pass over the items: the bar, the readings, and the end.

    `read` and `wait` wait for the network, on any thread, and touch nothing but the bar's text.
    """

    def __init__(
        self,
        measurement: Measurement,
        *,
        place: CallSite,
        total: int | None,
        limit: Decimal | None,
        every: float,
    ) -> None:
        self.measurement = measurement
        self.tally = LoopSpend(limit)
        self.stopped: str | None = None
        self._fetcher = measurement.fetcher
        self._place = place
        self._total = total
        self._every = every
        self._bar: Any = None
        self._begun = self._done = 0
        self._shown_at = 0.0
        self._unread: str | None = None
        self._over = threading.Event()
        self._waited = self._closed = False

    @property
    def limited(self) -> bool:
        """Whether the loop may only spend so much."""
        return self.tally.limit is not None

    @property
    def projected(self) -> Decimal | None:
        """What all items will have cost; None where unknown."""
        each = self.tally.per_item
        return None if each is None or not self._total else each * max(self._total, self.tally.items)

    # -- the items -------------------------------------------------------------------------------------

    def open(self) -> None:
        """Say what is known before the first item, show the bar, and have the balance read from now on."""
        before = self.measurement.before
        if before is None and self.limited:
            raise self.measurement.unreadable()
        from tqdm.auto import tqdm  # noqa: PLC0415 - it brings widgets along, and is used by loops only

        self.tally.expected = ledger.expected(
            ledger.current().entries(),
            self._place.key,
            per_item=True,
            simulated=self.measurement.cost.simulated,
        )
        if before is None:
            error = self.measurement.unreadable()
            self._say(f"The balance can't be read, so what the items cost isn't known: {error.message}")
        else:
            self.tally.take_in(before, before, 0)
            if self.tally.expected is not None:
                self._say(self._affordability(before.spendable, self.tally.expected))
        self._bar = tqdm(
            desc=self._place.given,
            total=self._total,
            bar_format=_BAR if self._total else None,
            postfix=_encodable(self._postfix(), sys.stderr),
            unit=" items",
        )
        if not self.limited:
            self._fetcher.attach(self, self._every)

    def read(self) -> None:
        """Read the balance before the next item of a loop with a limit; the first has its reading already."""
        if not self.limited or not self._begun:
            return
        deadline = time.monotonic() + PATIENCE
        pause = FIRST_PAUSE
        while not self._over.is_set():
            try:
                self._fetcher.read(join=False)
            except EvoLinkError as error:
                self._unread = error.message
                pause_now = max(pause, self._told_to_wait())
                if isinstance(error, PERMANENT_ERRORS) or time.monotonic() + pause_now > deadline:
                    return
            else:
                self._unread = None
                return
            self._bar.set_postfix_str("the balance can't be read, trying again")
            self._over.wait(pause_now)
            pause = min(pause * 2, MAX_PAUSE)

    def allows(self, iterable: object) -> bool:
        """Take in the newest reading, show it, and tell whether there may be another item."""
        self._take_in(self._fetcher.credits, self._done)
        self._show()
        if self._done == length(iterable):
            return True  # there is none: that is for the iterator to say
        if self._unread is not None:
            reason = f"the balance can't be read, so max_credits can't be kept. {self._unread}"
        elif self.tally.breaks_limit():
            reason = self.tally.why()
        else:
            return True
        self.stopped = f"Stopped before item {self._done + 1}{self._of_total()}: {reason}"
        return False

    def begin_item(self) -> None:
        """Count an item that is handed out."""
        self._begun += 1

    def end_item(self) -> None:
        """Count an item that is done."""
        self._done += 1

    # -- the end ---------------------------------------------------------------------------------------

    def end(self) -> None:
        """End the stretch of work, and everything that was begun for it; its cost settles on behind."""
        if self._over.is_set():
            return
        self._over.set()
        self._fetcher.detach(self)
        if self._bar is None or not self._begun or sys.is_finalizing():
            self.measurement.abandon()
            return
        self.measurement.stop()
        self.measurement.record("loop", key=self._place.key, name=self._place.name, items=self._begun)
        self.measurement.settle_in_background()

    def wait(self) -> None:
        """Give the account a moment to settle, before something else spends."""
        if not self._waited:
            self._waited = True
            if not self.measurement.wait(LAST_WAIT):
                self.measurement.follow()

    def close(self) -> None:
        """End the run, however the loop was left, and say what it did."""
        if self._closed:
            return
        self._closed = True
        try:
            self.end()
            self.wait()
        finally:
            if self._bar is not None:
                self._finish_bar()

    def _finish_bar(self) -> None:
        before, after = self.measurement.before, self.measurement.after
        last = after or self._fetcher.credits
        if before is not None and last is not None:
            # An item that was left half-way counts if it has cost anything.
            moved = spent_so_far(before, last) > (self.tally.spent or 0)
            self._take_in(last, self._begun if moved else self._done)
        lines = [self.stopped]
        if self._begun:
            lines.append(self._closing_line(fresh=after is not None))
        if self.tally.over is not None and self.tally.limit is not None and self.stopped is None:
            over = format_amount(max((self.tally.spent or 0) - self.tally.limit, Decimal(0)))
            lines.append(f"Over max_credits by {over}: {self.tally.why_over()}")
        self._show(now=True)
        self._bar.close()
        for line in filter(None, lines):
            self._say(line)

    def _closing_line(self, *, fresh: bool) -> str:
        if self._begun > self._done:
            did = f"Left in item {self._begun}{self._of_total()}:"
        else:
            did = f"{counted(str(self._done), 'item')},"
        before, reading, each = self.measurement.before, self.tally.reading, self.tally.per_item
        cost = self.measurement.cost
        if before is None or reading is None or self.tally.spent is None or (not fresh and each is None):
            return f"{did} cost unknown: {cost.reason}"
        whose = "account" if is_frozen(before, reading) else "key"
        line = f"{did} {in_credits(self.tally.spent)} ({whose})"
        line += "" if each is None else f", {rounded(each, EACH)} each"
        if not fresh:
            return f"{line}; read after item {self.tally.items}, and not since"
        if not cost.settled:
            return f"{line}; not settled yet"
        return line if cost.confidence == "clean" else f"{line}; {cost.confidence}: {cost.reason}"

    # -- what is shown ---------------------------------------------------------------------------------

    def describe(self) -> str:
        """Give what the bar says of the cost, and how far it is."""
        return f"{self._done} done, {self._postfix()}"

    def _take_in(self, reading: Credits | None, items: int) -> None:
        before = self.measurement.before
        if before is not None and reading is not None and reading is not self.tally.reading:
            self.tally.take_in(before, reading, items)

    def _show(self, *, now: bool = False) -> None:
        time_now = time.monotonic()
        if now or self.limited or time_now - self._shown_at >= SHOWN_EVERY:
            self._shown_at = time_now
            self._bar.set_postfix_str(_encodable(self._postfix(), sys.stderr), refresh=False)
        self._bar.update(self._done - self._bar.n)

    def _postfix(self) -> str:
        tally = self.tally
        if tally.reading is None or tally.spent is None:
            return "balance not read"
        parts = []
        if tally.items:
            parts.append(f"{format_amount(tally.spent)} spent")
        if tally.per_item is not None:
            parts.append(f"{rounded(tally.per_item, EACH)} each")
        if self.projected is not None and self._total is not None and tally.items < self._total:
            parts.append(f"{_ABOUT} {rounded(self.projected, ESTIMATE)} in all")
        parts.append(f"{format_amount(tally.reading.spendable)} left")
        age = (datetime.now(UTC) - tally.reading.read_at).total_seconds()
        if self._fetcher.error is not None or age > max(OLD, 3 * self._every):
            parts.append(f"not read for {format_time(age)}")
        return f" {_DOT} ".join(parts)

    def _affordability(self, spendable: Decimal, each: Decimal) -> str:
        line = f"In earlier runs an item cost {counted(rounded(each, EACH), 'credit')}: "
        if self._total:
            all_of_them = counted(rounded(each * self._total, ESTIMATE), "credit")
            line += f"{self._total} items {_ABOUT} {all_of_them}, "
        line += f"{format_amount(spendable)} left"
        allowed = spendable
        if self.tally.limit is not None:
            line += f" and {format_amount(self.tally.limit)} allowed"
            allowed = min(spendable, self.tally.limit)
        enough = ledger.runs_left(allowed, each)
        if self._total and enough >= self._total:
            return f"{line}, enough for all."
        return f"{line}, enough for about {enough}."

    def _say(self, line: str) -> None:
        """Print a line, past every bar that is on the screen."""
        from tqdm.auto import tqdm  # noqa: PLC0415 - as above

        tqdm.write(_encodable(line, sys.stdout))

    def _of_total(self) -> str:
        return f" of {self._total}" if self._total else ""

    def _told_to_wait(self) -> float:
        """Give the seconds for which the server asked to be left alone."""
        retry_at = self._fetcher.retry_at
        return 0.0 if retry_at is None else (retry_at - datetime.now(UTC)).total_seconds()


def length(iterable: object) -> int | None:
    """Give the number of items, None where it isn't told: some that have ``len`` raise in it."""
    try:
        return len(iterable) if isinstance(iterable, Sized) else None
    except (TypeError, AttributeError, NotImplementedError, OverflowError):
        return None


def _encodable(text: str, stream: TextIO) -> str:
    """Give ``text`` in signs that ``stream`` can write: a bar must not stop the work for want of one."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for sign, plain in _PLAIN.items():
            text = text.replace(sign, plain)
        return text.encode(encoding, "replace").decode(encoding)
    return text
