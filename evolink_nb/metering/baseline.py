"""How things stood before the work: by a reading of its own, or by the last one there is."""

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
READ_EARLIER = "some of it may have been spent before this"


class Found(NamedTuple):
    """How things stood before the work, and why its cost is shared if that isn't certain."""

    before: Credits | None
    shared: str | None = None


class Baseline(Protocol):
    """A way to learn how things stood before one stretch of work."""

    @property
    def batch(self) -> Batch | None:
        """The row that the work is part of; None where a reading separates it from what ran before."""

    def begin(self, fetcher: CreditsFetcher, now: float, timing: SettleTiming) -> Credits | None:
        """Return the reading before the work, None where none is there yet."""

    def find(self, readings: Sequence[Credits], *, began: float, ended: float, timing: SettleTiming) -> Found:
        """Return how things stood, once the work has ended, where `begin` returned None."""


@dataclass
class ReadNow:
    """Waits for a reading before the work begins."""

    batch: Batch | None = field(default=None, init=False)

    def begin(self, fetcher: CreditsFetcher, now: float, timing: SettleTiming) -> Credits | None:  # noqa: ARG002 - the protocol's
        """Return a reading asked for now, None where it fails.

        Args:
            fetcher: What reads the account.
            now: The time, in seconds of the fetcher's clock.
            timing: How old a reading may be; this one is new.
        """
        return read(fetcher)

    def find(self, readings: Sequence[Credits], *, began: float, ended: float, timing: SettleTiming) -> Found:  # noqa: ARG002 - the protocol's
        """Return that nothing is known: a reading that failed is not made up for later."""
        return Found(None)


class LastKnown:
    """Takes the last reading there is, and has another taken while the work begins.

    Where the two are alike that is how things stood; else what was spent between them is nobody's, and the
    cost is *shared*.
    """

    def __init__(self, batch: Batch) -> None:
        """Know nothing yet; one object serves one stretch of work.

        Args:
            batch: The row that it is part of.
        """
        self.batch: Batch | None = batch
        self._known: Credits | None = None

    def begin(self, fetcher: CreditsFetcher, now: float, timing: SettleTiming) -> Credits | None:
        """Return the last reading if it is new enough; else have another taken beside the work.

        Args:
            fetcher: What reads the account; its thread must run.
            now: The time at which the work begins, in seconds of the fetcher's clock.
            timing: How old a reading may be.
        """
        self._known = fetcher.credits
        # From when it was asked for: what was spent while it was under way may not be in it.
        if self._known is not None and now - self._known.requested_at <= timing.baseline_age:
            return self._known
        fetcher.refresh()
        return None

    def find(self, readings: Sequence[Credits], *, began: float, ended: float, timing: SettleTiming) -> Found:
        """Return how things stood, by the last reading before the work and the first one beside it.

        Args:
            readings: The account's readings, oldest first.
            began: When the work began.
            ended: When it ended.
            timing: How long before the work a reading beside it may have been asked for.
        """
        oldest = began - timing.baseline_age
        beside = (
            each for each in readings if each.requested_at >= oldest and began <= each.monotonic <= ended
        )
        first = next(beside, None)
        if self._known is None or (first is not None and not is_same(self._known, first)):
            return Found(first, SPENT_BEFORE)
        return Found(self._known, READ_EARLIER if first is None else None)
