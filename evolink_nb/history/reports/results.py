"""The rows of a history's answer. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """What an account did in one period.

    Attributes:
        start: When it begins, as an aware datetime.
        end: When it ends.
        spent: Credits that the keys in this history spent.
        account_spent: Credits that their accounts spent with any key.
        topped_up: Credits added to the accounts.
        remaining: Credits that the accounts had left at its end; None if nothing was read.
        key_remaining: Credits that the key had left; None for several keys or an unlimited one.
        is_gap: Whether nothing read the account for a long time.
        simulated: Whether it is the demo account's.
    """

    start: datetime
    end: datetime
    spent: Decimal
    account_spent: Decimal
    topped_up: Decimal
    remaining: Decimal | None
    key_remaining: Decimal | None
    is_gap: bool
    simulated: bool


@dataclass(frozen=True, slots=True)
class KeyRow:
    """What one key did.

    Attributes:
        key: Its label.
        account: Its account's label; "" if it has none.
        spent: Credits that it spent.
        account_spent: Credits that its account spent with any key.
        remaining: Credits that the account had left when it was last read; None if it wasn't.
        key_remaining: Credits that the key had left; None if it is unlimited.
        last_at: When it was last read, as an aware datetime; None if it wasn't.
        simulated: Whether it is the demo account's.
    """

    key: str
    account: str
    spent: Decimal
    account_spent: Decimal
    remaining: Decimal | None
    key_remaining: Decimal | None
    last_at: datetime | None
    simulated: bool


@dataclass(frozen=True, slots=True)
class WorkRow:
    """The cost of the runs of one cell, or of all cells of a notebook or user.

    Attributes:
        name: The cell's, the notebook's or the user's name.
        kind: What was measured: "cell", "meter", "loop" or "idle"; or the grouping, "notebook" or "user".
        runs: The number of runs.
        unknown: The number of runs of unknown cost, which no amount includes.
        spent: Credits that the others cost.
        unsure: The part of ``spent`` that is neither confirmed nor clean.
        seconds: How long all runs took together.
        last_at: When the newest run began, as an aware datetime.
        simulated: Whether the demo account paid.
        work: Identifies the work; "" for a notebook or user.
    """

    name: str
    kind: str
    runs: int
    unknown: int
    spent: Decimal
    unsure: Decimal
    seconds: float
    last_at: datetime
    simulated: bool
    work: str = ""


Row = PeriodRow | KeyRow | WorkRow
