"""What metering needs to know about other kernels that use the same key.

A higher layer may know this, for example from a history that kernels share. It is asked on a separate thread,
and may take long to answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from .. import runtime

if TYPE_CHECKING:
    from decimal import Decimal

    from ..polling.fetcher import CreditsFetcher


@dataclass(frozen=True, slots=True)
class Run:
    """Measured work of another kernel, with times in seconds of the asking fetcher's clock.

    Attributes:
        kernel: Identifies its kernel.
        notebook: The name of its notebook; "" if unknown.
        began: When it began.
        ended: When it ended.
        credits: What it cost, as far as known; None if unknown.
        is_settled: Whether its cost has settled.
        is_confirmed: Whether the receipts of its calls add up to the same amount.
        within: Whether another run's cost includes this one.
    """

    kernel: str
    notebook: str
    began: float
    ended: float
    credits: Decimal | None
    is_settled: bool = True
    is_confirmed: bool = False
    within: bool = False


@dataclass(frozen=True, slots=True)
class UnexplainedSpending:
    """Credits that a kernel saw being spent with the key while nothing of its own ran.

    Attributes:
        kernel: Identifies the kernel that saw it.
        since: The earliest time at which they may have been spent, in seconds of the asking fetcher's clock.
        until: The latest such time.
        credits: How many credits; None if unknown.
    """

    kernel: str
    since: float
    until: float
    credits: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What other kernels did with a key, and what they saw others spend.

    Attributes:
        runs: Their measured work.
        unexplained: Spending they saw and can't explain.
    """

    runs: tuple[Run, ...] = ()
    unexplained: tuple[UnexplainedSpending, ...] = ()


class OtherKernels(Protocol):
    """Knows what other kernels did with a key."""

    def are_known(self, fetcher: CreditsFetcher) -> bool:
        """Return at once whether other kernels using the fetcher's key may be known.

        Args:
            fetcher: The fetcher.
        """

    def seen(self, fetcher: CreditsFetcher, since: float) -> Seen | None:
        """Return what other kernels did with a fetcher's key; None if that can't be determined now.

        Args:
            fetcher: The fetcher.
            since: The time from which it matters, in seconds of the fetcher's clock.
        """


class KnownKernels:
    """Passes queries about other kernels to the source that a higher layer has registered, if any."""

    def __init__(self) -> None:
        """Start without a source."""
        self._source: OtherKernels | None = None
        runtime.forget_after_fork(self)

    def are_known(self, fetcher: CreditsFetcher) -> bool:
        """Return at once whether other kernels using the fetcher's key may be known.

        Args:
            fetcher: The fetcher.
        """
        return self._source is not None and self._source.are_known(fetcher)

    def use(self, source: OtherKernels | None) -> None:
        """Ask a source about other kernels from now on.

        Args:
            source: The source; None for no source.
        """
        self._source = source

    def seen(self, fetcher: CreditsFetcher, since: float) -> Seen | None:
        """Return what other kernels did with a fetcher's key; None if no source can answer now.

        Args:
            fetcher: The fetcher.
            since: The time from which it matters, in seconds of the fetcher's clock.
        """
        source = self._source
        return None if source is None else source.seen(fetcher, since)

    def after_fork(self) -> None:
        """Drop the source in a forked child, whose own work isn't recorded anywhere."""
        self._source = None


other_kernels = KnownKernels()
"""What is known in this process about other kernels."""
