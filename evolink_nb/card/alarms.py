"""When a reading is low, critical or overdrawn, and that an alarm is given once an episode."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Literal, get_args

from ..formatting import format_amount, format_time

if TYPE_CHECKING:
    from ..credits import Credits

Level = Literal["ok", "low", "critical", "overdrawn"]
Limit = str | float | Decimal
"""How people give a limit: ``50`` credits, or a runway such as ``"2h"``."""
LEVELS: tuple[Level, ...] = get_args(Level)

REARM_MARGIN = 1.1
"""How far above a threshold counts as good again: a runway wavers, and must not ring each time."""

_UNITS = {"s": 1, "min": 60, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit as credits, or as the seconds they last; exactly one of the two is set."""

    credits: Decimal | None = None
    seconds: float | None = None

    @classmethod
    def parse(cls, limit: Limit) -> Threshold:
        """Give the limit in ``50`` (credits), ``"2h"``, ``"30 min"`` or ``"1d"`` (runway).

        Raises ``ValueError`` when it is neither, or not more than 0.
        """
        try:
            text = limit if isinstance(limit, str) else f"{Decimal(str(limit)):f}"
            found = re.fullmatch(r"\s*([0-9.]+)\s*(s|min|m|h|d)?\s*", text)
            amount = Decimal(found[1]) if found else Decimal(0)
        except InvalidOperation:
            found, amount = None, Decimal(0)
        if found is None or amount <= 0:
            raise ValueError(f"{limit!r} is neither a number of credits, like 50, nor a time, like 2h")
        return cls(seconds=float(amount) * _UNITS[found[2]]) if found[2] else cls(credits=amount)

    def __str__(self) -> str:
        if self.credits is not None:
            return format_amount(self.credits)
        return format_time(self.seconds or 0.0)

    def is_crossed(self, credits: Credits, runway: float | None, margin: float = 1.0) -> bool:
        """Tell whether less is left than the limit, or than ``margin`` times as much.

        A runway that is not known has not crossed a limit. Nor has it left one behind with a margin.
        """
        if self.credits is not None:
            return credits.spendable < self.credits * Decimal(str(margin))
        if runway is None:
            return margin > 1
        return self.seconds is not None and runway < self.seconds * margin


@dataclass(frozen=True, slots=True)
class Limits:
    """Below which a reading is low and below which critical; None where nobody said."""

    warn_below: Threshold | None = None
    critical_below: Threshold | None = None

    @classmethod
    def parse(cls, warn_below: Limit | None, critical_below: Limit | None) -> Limits:
        """Give both limits, each as `Threshold.parse` takes it. Raises ``ValueError`` as it does."""
        return cls(
            *(None if limit is None else Threshold.parse(limit) for limit in (warn_below, critical_below))
        )

    def __str__(self) -> str:
        said = (("low", self.warn_below), ("very low", self.critical_below))
        return ", ".join(f"{word} below {limit}" for word, limit in said if limit)

    def level_of(self, credits: Credits, runway: float | None = None, *, margin: float = 1.0) -> Level:
        """Tell how ``credits`` and their ``runway`` (seconds) stand; nothing left is critical by itself."""
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
    """One alarm: how bad it is, the reading it came with, and what to tell a person."""

    level: Level
    credits: Credits
    message: str


class AlarmLatch:
    """Rings once an episode: when things get worse than they were since the last good reading."""

    def __init__(self) -> None:
        """Start armed."""
        self._worst: Level = "ok"

    @property
    def armed(self) -> bool:
        """Whether nothing has rung since the last good reading."""
        return self._worst == "ok"

    def hear(self, limits: Limits, credits: Credits, runway: float | None) -> Alarm | None:
        """Give the alarm that this reading is, if it is one. Only a good reading arms the bell again."""
        level = limits.level_of(credits, runway)
        if limits.level_of(credits, runway, margin=REARM_MARGIN) == "ok":
            self._worst = "ok"
        if LEVELS.index(level) <= LEVELS.index(self._worst):
            return None
        self._worst = level
        return Alarm(level, credits, _message(level, credits, limits))


def _message(level: Level, credits: Credits, limits: Limits) -> str:
    """Say which limit was crossed. It stands beside newer readings: a number would soon be an old one."""
    limit = limits.critical_below if level == "critical" else limits.warn_below
    if level == "overdrawn":
        return "Overdrawn: more was spent than there was."
    if credits.spendable == 0 or limit is None:
        return "Nothing is left to spend."
    what = f"{limit} credits left" if limit.credits is not None else f"{limit} left at this rate"
    return f"{'Very low' if level == 'critical' else 'Low'}: less than {what}."
