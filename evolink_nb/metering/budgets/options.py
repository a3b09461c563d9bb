"""The options that all budgets have besides their limit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Self

from ...credits import product
from .blindness import MAX_BLIND
from .grace import GRACE
from .limits import parse_grace, parse_interval, parse_max_blind, parse_warn_at
from .watch import Watch
from .watch_timing import WATCH_INTERVAL, WatchTiming

WARN_AT = 0.8
"""The fraction of a limit at which a budget warns, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class BudgetOptions:
    """How a budget watches.

    Attributes:
        timing: How often to check, and how long to wait.
        warn_at: The fraction of the limit at which to warn, once; None for no warning.
    """

    timing: WatchTiming = field(default_factory=WatchTiming)
    warn_at: Decimal | None = Decimal(str(WARN_AT))

    @classmethod
    def parse(
        cls,
        *,
        every: float = WATCH_INTERVAL,
        warn_at: float | None = WARN_AT,
        grace: float = GRACE,
        max_blind: float | None = MAX_BLIND,
    ) -> Self:
        """Return options from the values that a user gives.

        Args:
            every: The longest time between two readings, in seconds.
            warn_at: The fraction of the limit at which to warn, once; None or 0 for no warning.
            grace: How many seconds work that makes guarded calls may go on at the limit.
            max_blind: Seconds after which work is stopped if the balance can't be read; None for never.

        Raises:
            ValueError: A value is invalid.
        """
        timing = WatchTiming(
            interval=parse_interval(every), grace=parse_grace(grace), max_blind=parse_max_blind(max_blind)
        )
        return cls(timing, parse_warn_at(warn_at))

    def watch(self, max_credits: Decimal) -> Watch:
        """Return a watch for a limit with these options.

        Args:
            max_credits: The limit, in credits above 0.
        """
        warn_at = None if self.warn_at is None else product(max_credits, self.warn_at)
        return Watch(max_credits, self.timing, warn_at=warn_at)

    def changed(
        self, *, warn_at: float | None = None, grace: float | None = None, max_blind: float | None = None
    ) -> Self:
        """Return a copy with the given options changed; None leaves an option as it is.

        Args:
            warn_at: The fraction of the limit at which to warn, once; 0 for no warning.
            grace: How many seconds work that makes guarded calls may go on at the limit.
            max_blind: Seconds after which work is stopped if the balance can't be read.

        Raises:
            ValueError: A value is invalid.
        """
        timing = replace(
            self.timing,
            grace=self.timing.grace if grace is None else parse_grace(grace),
            max_blind=self.timing.max_blind if max_blind is None else parse_max_blind(max_blind),
        )
        return replace(
            self, timing=timing, warn_at=self.warn_at if warn_at is None else parse_warn_at(warn_at)
        )
