"""What other kernels did with the same key, as far as anything tells: what metering needs of that.

Something above this layer may know it, as from a history that kernels share. It is asked on a thread that
nothing waits for, and may take long to answer.
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
        is_settled: Whether that has settled.
        is_confirmed: Whether the receipts of its calls come to the same.
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
        since: The earliest time at which they were spent, in seconds as above.
        until: The latest.
        credits: How many; None if unknown.
    """

    kernel: str
    since: float
    until: float
    credits: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What other kernels did with a key, and saw others do.

    Attributes:
        runs: Their measured work.
        unexplained: What they saw.
    """

    runs: tuple[Run, ...] = ()
    unexplained: tuple[UnexplainedSpending, ...] = ()


class OtherKernels(Protocol):
    """Knows what other kernels did with a key."""

    def are_known(self, fetcher: CreditsFetcher) -> bool:
        """Return whether anything may be known of those that use a fetcher's key; at once.

        Args:
            fetcher: The fetcher.
        """

    def seen(self, fetcher: CreditsFetcher, since: float) -> Seen | None:
        """Return what other kernels did with a fetcher's key; None if that can't be told now.

        Args:
            fetcher: The fetcher.
            since: The time from which that matters, in seconds of its clock.
        """


class KnownKernels:
    """Whether anything tells what other kernels do, and what: something above this layer says so."""

    def __init__(self) -> None:
        """Know nothing of them."""
        self._source: OtherKernels | None = None
        runtime.forget_after_fork(self)

    def are_known(self, fetcher: CreditsFetcher) -> bool:
        """Return whether anything may be known of those that use a fetcher's key; at once.

        Args:
            fetcher: The fetcher.
        """
        return self._source is not None and self._source.are_known(fetcher)

    def use(self, source: OtherKernels | None) -> None:
        """Ask something about them from now on.

        Args:
            source: What knows; None for nothing.
        """
        self._source = source

    def seen(self, fetcher: CreditsFetcher, since: float) -> Seen | None:
        """Return what other kernels did with a fetcher's key; None if nothing tells, or not now.

        Args:
            fetcher: The fetcher.
            since: The time from which that matters, in seconds of its clock.
        """
        source = self._source
        return None if source is None else source.seen(fetcher, since)

    def after_fork(self) -> None:
        """Ask nothing in a forked child, whose own work is kept nowhere."""
        self._source = None


other_kernels = KnownKernels()
"""This process's."""
