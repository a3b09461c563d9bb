"""The actions that `watch` decides on and `budget` takes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class ReadEvery:
    """Read the balance this often."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Warn:
    """Warn that most of the limit is spent."""


@dataclass(frozen=True, slots=True)
class Unread:
    """Why the balance can't be read, and for how many seconds it hasn't been read."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Trip:
    """Name this budget as the one that stops the work: ``over`` credits beyond the limit, or ``unread``."""

    over: Decimal
    unread: Unread | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse a guarded call: ``over`` credits beyond the limit, or ``unread``."""

    over: Decimal
    unread: Unread | None = None


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Interrupt the work; ``escalate`` if an earlier interrupt had no effect."""

    escalate: bool


@dataclass(frozen=True, slots=True)
class AnnounceBlind:
    """Announce that the balance can't be read, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class AnnounceStuck:
    """Announce that the work is still running."""


@dataclass(frozen=True, slots=True)
class ClearNotice:
    """Remove the announcement."""


Action = ReadEvery | Warn | Trip | Refuse | Interrupt | AnnounceBlind | AnnounceStuck | ClearNotice
