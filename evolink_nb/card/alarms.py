"""Decides when a reading is low, critical or overdrawn, and raises alarms. Pure: no clock, no thread."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Literal, get_args

from ..credits import difference, product
from ..formatting import format_amount, format_time

if TYPE_CHECKING:
    from ..credits import Credits

Level = Literal["ok", "low", "critical", "overdrawn"]
Limit = str | float | Decimal
"""A limit as users enter it: ``50`` credits, or a runway such as ``"2h"``."""
LEVELS: tuple[Level, ...] = get_args(Level)

REARM_MARGIN = 1.1
"""The multiple of its threshold that a balance must reach to count as recovered: a runway fluctuates, and
must not raise an alarm each time."""

_LIMIT = re.compile(r"\s*([0-9]+\.?[0-9]*|\.[0-9]+)\s*(s|min|m|h|d)?\s*")
_UNITS = {"s": 1, "min": 60, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit; exactly one of its attributes is set.

    Attributes:
        credits: The threshold in credits.
        seconds: The threshold as a runway, in seconds.
    """

    credits: Decimal | None = None
    seconds: float | None = None

    @classmethod
    def parse(cls, limit: Limit) -> Threshold:
        """Return the threshold for a limit.

        Args:
            limit: ``50`` (credits), or a runway: ``"90s"``, ``"30 min"``, ``"2h"``, ``"1d"``.

        Returns:
            The threshold, more than 0.

        Raises:
            ValueError: The limit is neither, or not more than 0.
        """
        found = _LIMIT.fullmatch(_digits(limit))
        amount = Decimal(found[1]) if found else Decimal(0)
        if found is None or not amount:
            raise ValueError(f"{limit!r} is not a limit: write 50 or 2h")
        return cls(seconds=float(amount) * _UNITS[found[2]]) if found[2] else cls(credits=amount)

    def __str__(self) -> str:
        if self.credits is not None:
            return format_amount(self.credits)
        return format_time(self.seconds or 0.0)

    def is_crossed(self, credits: Credits, runway: float | None, margin: float = 1.0) -> bool:
        """Return whether a reading is below the limit.

        Args:
            credits: The reading.
            runway: Seconds the credits will last; None if unknown. A runway limit then counts neither as
                crossed nor, with a margin, as recovered from.
            margin: The factor by which to multiply the limit.

        Returns:
            Whether the reading is below ``margin`` times the limit.
        """
        if self.credits is not None:
            limit = product(self.credits, Decimal(str(margin)))
            return difference(credits.spendable, limit) < 0
        if runway is None:
            return margin > 1
        return self.seconds is not None and runway < self.seconds * margin


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits in force.

    Attributes:
        warn_below: Readings below this are low; None for no limit.
        critical_below: Readings below this are critical; None for no limit.
    """

    warn_below: Threshold | None = None
    critical_below: Threshold | None = None

    @classmethod
    def parse(cls, warn_below: Limit | None, critical_below: Limit | None) -> Limits:
        """Return both limits.

        Args:
            warn_below: The limit for low, as `Threshold.parse` takes it; None for no limit.
            critical_below: The same for critical.

        Returns:
            The limits.

        Raises:
            ValueError: One of the limits can't be parsed.
        """
        return cls(
            *(None if limit is None else Threshold.parse(limit) for limit in (warn_below, critical_below))
        )

    def __str__(self) -> str:
        named = (("low", self.warn_below), ("very low", self.critical_below))
        return ", ".join(f"{name} below {limit}" for name, limit in named if limit)

    def level_of(self, credits: Credits, runway: float | None = None, *, margin: float = 1.0) -> Level:
        """Return the level of a reading.

        Args:
            credits: The reading.
            runway: Seconds the credits will last; None if unknown.
            margin: The factor by which to multiply the limits.

        Returns:
            The worst level that applies. Nothing left to spend is critical, even without a limit.
        """
        if credits.spendable < 0:
            return "overdrawn"
        critical = self.critical_below
        if credits.spendable == 0 or (critical and critical.is_crossed(credits, runway, margin)):
            return "critical"
        if self.warn_below and self.warn_below.is_crossed(credits, runway, margin):
            return "low"
        return "ok"


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm.

    Attributes:
        level: The level.
        credits: The reading that raised it.
        message: The text for the user.
    """

    level: Level
    credits: Credits
    message: str


class AlarmLatch:
    """Raises each alarm once until the balance recovers; before that, only a worse level raises another."""

    def __init__(self) -> None:
        """Start armed."""
        self._worst: Level = "ok"

    @property
    def armed(self) -> bool:
        """Whether there has been no alarm since the balance was last good."""
        return self._worst == "ok"

    def update(self, limits: Limits, credits: Credits, runway: float | None) -> Alarm | None:
        """Process a reading.

        Args:
            limits: The limits in force.
            credits: The reading.
            runway: Seconds the credits will last; None if unknown.

        Returns:
            The alarm that this reading raises, if any.
        """
        level = limits.level_of(credits, runway)
        if limits.level_of(credits, runway, margin=REARM_MARGIN) == "ok":
            self._worst = "ok"
        if LEVELS.index(level) <= LEVELS.index(self._worst):
            return None
        self._worst = level
        return Alarm(level, credits, _message(level, credits, limits))


def _digits(limit: Limit) -> str:
    """Return a limit as text, a number without an exponent; "" for any other type."""
    if isinstance(limit, str):
        return limit
    try:
        return f"{Decimal(str(limit)):f}"
    except InvalidOperation:
        return ""


def _message(level: Level, credits: Credits, limits: Limits) -> str:
    """Return which limit was crossed, but not the balance: newer readings would soon contradict it."""
    limit = limits.critical_below if level == "critical" else limits.warn_below
    if level == "overdrawn":
        return "Overdrawn: more was spent than was available."
    if credits.spendable == 0 or limit is None:
        return "Nothing is left to spend."
    what = f"{limit} credits left" if limit.credits is not None else f"{limit} left at this rate"
    return f"{'Very low' if level == 'critical' else 'Low'}: less than {what}."
