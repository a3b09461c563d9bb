"""The records that go into a history: readings, and what work cost. Values only."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...credits import Credits

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_SAME = timedelta(seconds=2)
"""The largest difference at which two clocks count as the same: asking takes time too."""
_MILLISECOND = timedelta(milliseconds=1)
# Numbers count from here: 41 bits hold the milliseconds of 69 years.
_NUMBERS_BEGIN = 1_577_836_800_000
_RANDOM_BITS = 22


@dataclass(frozen=True, slots=True)
class Source:
    """The key that a reading or cost belongs to, and how a database may identify it.

    Attributes:
        identity: Identifies the base URL and key within this process.
        fingerprint: Returns the text that identifies the key in a database, given the database's salt.
        account: The account's label, "" for none; the API has no name for an account.
        label: The key's label, "" for none.
    """

    identity: str
    fingerprint: Callable[[bytes], str] = field(repr=False, compare=False)
    account: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class ReadingRecord:
    """One reading to keep.

    Attributes:
        source: The key it belongs to.
        credits: The reading.
    """

    source: Source
    credits: Credits


@dataclass(frozen=True, slots=True)
class CostRecord:
    """What one run cost, as far as known; a later record with the same number replaces it.

    Attributes:
        number: Identifies the run in all histories; see `new_number`.
        source: The key of the account it was measured on; None if unknown.
        kind: What was measured: "cell", "meter", "loop" or "idle".
        work: Identifies runs of the same work; see `work_id`.
        name: The name the user recognizes.
        began_at: When it began, as an aware datetime.
        notebook: The notebook's path or name; "" if unknown.
        kernel: Identifies the kernel.
        username: The operating system's name of the user who ran it.
        items: The number of items a loop processed.
        within: Whether another run's cost includes this one.
        token: Credits that the key spent; None if unknown.
        user: Credits that the account spent; None if unknown.
        others: Credits that others spent meanwhile; None if unknown.
        topped_up: Credits added meanwhile; None if unknown.
        seconds: How long it took.
        settled: Whether the cost has settled.
        confidence: The confidence in the cost.
        reason: The reason for that confidence.
        simulated: Whether the demo account paid.
        together_label: The work whose cost can't be told apart from this run's; "" if there is none.
        together: What all of that work cost, this run included; None if there is none.
    """

    number: int
    source: Source | None
    kind: str
    work: str
    name: str
    began_at: datetime
    notebook: str = ""
    kernel: str = ""
    username: str = ""
    items: int = 0
    within: bool = False
    token: Decimal | None = None
    user: Decimal | None = None
    others: Decimal | None = None
    topped_up: Decimal | None = None
    seconds: float = 0.0
    settled: bool = False
    confidence: str = "unknown"
    reason: str = ""
    simulated: bool = False
    together_label: str = ""
    together: Decimal | None = None


def new_number() -> int:
    """Return a number for a run: later numbers are larger, and no two processes get the same."""
    return _number(time.time_ns() // 1_000_000) | secrets.randbits(_RANDOM_BITS)


def number_at(moment: datetime) -> int:
    """Return the smallest number that `new_number` returns from a moment on.

    Args:
        moment: An aware datetime.
    """
    return _number(milliseconds(moment))


def _number(at: int) -> int:
    return max(at - _NUMBERS_BEGIN, 0) << _RANDOM_BITS


def work_id(kind: str, key: str) -> str:
    """Return a hash that identifies runs of the same work: a cell's key may be its source, which isn't kept.

    Args:
        kind: What was measured.
        key: The entry's key in the ledger.
    """
    return hashlib.sha256(f"{kind}\n{key}".encode("utf-8", "surrogatepass")).hexdigest()[:24]


def milliseconds(moment: datetime) -> int:
    """Return a moment as milliseconds since 1970.

    Args:
        moment: An aware datetime.
    """
    return (moment - EPOCH) // _MILLISECOND


def moment(at: int) -> datetime:
    """Return milliseconds since 1970 as an aware datetime in UTC.

    Args:
        at: The milliseconds.
    """
    return EPOCH + timedelta(milliseconds=at)
