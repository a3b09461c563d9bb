"""What a budget's own work has spent as of each reading, and what that figure may leave out or include."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from ...credits import difference
from ...errors import EvoLinkError
from ...formatting import counted
from ...polling.spending import Spending
from ..attribution.quiet import MAX_QUIET, quiet_times
from .by_receipts import Attribution
from .unpriced import UnpricedCalls

if TYPE_CHECKING:
    from ...api.calls import Call
    from ...credits import Credits
    from ...polling.fetcher import CreditsFetcher
    from ..attribution.quiet import QuietTime


@dataclass(frozen=True, slots=True)
class Reservations:
    """What the figure in a stop may leave out or include.

    Attributes:
        unseen: Seconds of spending that the newest reading was the first to show.
        under_way: The number of guarded calls that may still be answered.
        is_shared: Whether the figure may include other work's spending.
    """

    unseen: float = 0.0
    under_way: int = 0
    is_shared: bool = False

    def sentences(self, *, is_over: bool) -> Iterator[str]:
        """Yield sentences that explain these reservations.

        Args:
            is_over: Whether more was spent than the limit.
        """
        if is_over:
            yield f"The balance was checked {self.unseen:.1f} s earlier; spending in between shows up late."
        if self.under_way:
            yield f"{counted(str(self.under_way), 'call')} under way may add to it."
        if self.is_shared:
            yield "Spending by other work at the same time may be in it."


class OwnSpending:
    """The part of an account's spending that is due to a budget's own work.

    Attributes:
        is_guarded: Whether the work has made guarded calls.
    """

    def __init__(self, spending: Spending, quiet: QuietTime) -> None:
        """Count from the first reading of an account's spending.

        Args:
            spending: The account's spending, which is recorded here from now on.
            quiet: The account's quiet time, which knows how late the account may charge.
        """
        self.is_guarded = False
        self._spending = spending
        self._quiet = quiet
        self._attribution = Attribution()
        self._unpriced = UnpricedCalls()
        self._previous = self._latest = spending.latest

    @property
    def counts_from(self) -> float:
        """When the first reading was requested, in monotonic seconds."""
        return self._spending.first.requested_at

    @property
    def spent(self) -> Decimal:
        """Credits spent, according to readings and receipts."""
        latest = self._spending.latest
        # The reading doesn't show late charges yet.
        shows = latest.requested_at - self._quiet.longest_lag
        return self._attribution.own(self._spending.spent, latest.monotonic, shows)

    @property
    def shows_until(self) -> float:
        """Until when the newest reading shows what work spent, in monotonic seconds, as far as is known."""
        # A lag may seem longer than it was where readings were rare; a stop doesn't wait for that long.
        return self._spending.latest.requested_at - min(self._quiet.longest_lag, MAX_QUIET)

    @property
    def latest(self) -> Credits:
        """The newest reading."""
        return self._spending.latest

    def begin_work(self) -> None:
        """Go on with other work: earlier spending still counts, but guarded calls are forgotten."""
        self.is_guarded = False
        self._previous = self._latest = self._spending.latest

    def count(self, call: Call, *, is_own: bool) -> None:
        """Count a guarded call on the account.

        Args:
            call: The call.
            is_own: Whether the budget's own work makes it.
        """
        self.is_guarded = self.is_guarded or is_own
        self._attribution.add(call, is_own=is_own)
        if is_own:
            self._unpriced.add(call)

    def before_call(self, left: Decimal, fetcher: CreditsFetcher) -> Callable[[], None] | None:
        """Return a function that takes the reading needed before a call; None if none is needed.

        It is needed if calls answered since the newest reading may have used up the budget, and the balance
        can be read.

        Args:
            left: Credits left of the budget as of that reading.
            fetcher: The fetcher that reads the account.
        """
        is_readable = fetcher.error is None and fetcher.retry_at is None
        return partial(_read, fetcher) if is_readable and self._unpriced.may_exceed(left) else None

    def record_all(self, readings: Iterable[Credits]) -> Decimal:
        """Record readings, ignoring those already recorded.

        Args:
            readings: Readings, oldest first. All are needed, to tell a reset from a refund.

        Returns:
            Credits spent.
        """
        newest = self._spending.latest.monotonic
        for reading in [each for each in readings if each.monotonic > newest]:
            before = self._spending.spent
            rise = difference(self._spending.record_all([reading]), before)
            self._unpriced.record(rise, reading.requested_at)
        return self.spent

    def check(self, readings: Iterable[Credits]) -> Decimal | None:
        """Record readings, and return the credits spent if one is newer than at the last check.

        Args:
            readings: Readings, oldest first.
        """
        spent = self.record_all(readings)
        if self._spending.latest is self._latest:
            return None
        self._previous, self._latest = self._latest, self._spending.latest
        return spent

    def reservations(self, *, is_beside: bool) -> Reservations:
        """Return what the figure may leave out or include.

        Args:
            is_beside: Whether other work on the account is watched at the same time.
        """
        unexplained = self._attribution.unexplained(self._spending.spent, self._spending.latest.monotonic)
        return Reservations(
            # Spending after the previous request may first show in the latest reading.
            unseen=max(self._latest.monotonic - self._previous.requested_at, 0.0),
            under_way=self._attribution.under_way,
            is_shared=(is_beside or self._attribution.is_blurred) and unexplained > 0,
        )


def spending_since(before: Credits, fetcher: CreditsFetcher) -> OwnSpending:
    """Return the spending that counts from a reading on.

    Args:
        before: The reading from which spending counts.
        fetcher: The fetcher that took it.
    """
    earlier = [reading for reading in fetcher.readings if reading.monotonic < before.monotonic]
    return OwnSpending(Spending(before, earlier=earlier), quiet_times.of(fetcher.client.identity))


def _read(fetcher: CreditsFetcher) -> None:
    with suppress(EvoLinkError):
        fetcher.read(join=False)
