"""The baseline: the balance before the work, from a new reading or the last known one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .cost import is_same
from .settler import read

if TYPE_CHECKING:
    from ..credits import Credits
    from ..polling.fetcher import CreditsFetcher
    from .batch import Batch
    from .settlement import SettleTiming

SPENT_BEFORE = "credits were spent before this, or in its first moments"
READ_EARLIER = "some of it may have been spent before the cell began"


class Found(NamedTuple):
    """The balance before the work, and why the cost is shared if that isn't certain."""

    before: Credits | None
    shared: str | None = None


class Baseline(Protocol):
    """A way to find the balance before one stretch of work."""

    @property
    def batch(self) -> Batch | None:
        """The batch the work belongs to; None where a reading separates it from earlier work."""

    def begin(self, fetcher: CreditsFetcher, now: float, timing: SettleTiming) -> Credits | None:
        """Return the reading before the work, or None if there is none yet."""

    def find(self, readings: Sequence[Credits], *, began: float, ended: float, timing: SettleTiming) -> Found:
        """Return the balance before work that has ended, where `begin` returned None."""


@dataclass
class ReadNow:
    """Waits for a reading before the work begins."""

    batch: Batch | None = field(default=None, init=False)

    def begin(self, fetcher: CreditsFetcher, now: float, timing: SettleTiming) -> Credits | None:  # noqa: ARG002 - the protocol's
        """Return a reading requested now, or None if it fails.

        Args:
            fetcher: The fetcher that reads the account.
            now: The time, in seconds of the fetcher's clock.
            timing: Limits the age of a reading; not used, as this one is new.
        """
        return read(fetcher)

    def find(self, readings: Sequence[Credits], *, began: float, ended: float, timing: SettleTiming) -> Found:  # noqa: ARG002 - the protocol's
        """Return that nothing is known: no later reading can replace one that failed."""
        return Found(None)


class LastKnown:
    """Takes the last known reading, and requests another as the work begins.

    If the two agree, that was the balance; otherwise nobody can say who spent the difference, and the cost is
    *shared*.
    """

    def __init__(self, batch: Batch) -> None:
        """Start with nothing known; use one object for each stretch of work.

        Args:
            batch: The batch the work belongs to.
        """
        self.batch: Batch | None = batch
        self._known: Credits | None = None

    def begin(self, fetcher: CreditsFetcher, now: float, timing: SettleTiming) -> Credits | None:
        """Return the last reading if it is recent enough; otherwise request another while the work runs.

        Args:
            fetcher: The fetcher that reads the account; its thread must be running.
            now: When the work begins, in seconds of the fetcher's clock.
            timing: Limits the age of a reading.
        """
        self._known = fetcher.credits
        # Age counts from the request: the reading may miss what was spent while it was in flight.
        if self._known is not None and now - self._known.requested_at <= timing.baseline_age:
            return self._known
        fetcher.refresh()
        return None

    def find(self, readings: Sequence[Credits], *, began: float, ended: float, timing: SettleTiming) -> Found:
        """Return the balance according to the last reading before the work and the first one during it.

        Args:
            readings: The account's readings, oldest first.
            began: When the work began.
            ended: When it ended.
            timing: Limits how long before the work a reading taken during it may have been requested.
        """
        oldest = began - timing.baseline_age
        beside = (
            each for each in readings if each.requested_at >= oldest and began <= each.monotonic <= ended
        )
        first = next(beside, None)
        if self._known is None or (first is not None and not is_same(self._known, first)):
            return Found(first, SPENT_BEFORE)
        return Found(self._known, READ_EARLIER if first is None else None)
