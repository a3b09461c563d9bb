"""What goes into a history: readings, and what work cost. Values only."""

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
_MILLISECOND = timedelta(milliseconds=1)
# Numbers count from here, so that 41 bits hold the milliseconds of 69 years.
_NUMBERS_BEGIN = 1_577_836_800_000
_RANDOM_BITS = 22


@dataclass(frozen=True, slots=True)
class Source:
    """Whose reading or cost it is: a key, and how a database may know it.

    Attributes:
        identity: Identifies the base URL and key within this process.
        fingerprint: Returns what identifies the key in a database, given the database's salt.
        account: The account's label, "" for none: the API names no account.
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
        source: Whose it is.
        credits: The reading.
    """

    source: Source
    credits: Credits


@dataclass(frozen=True, slots=True)
class CostRecord:
    """What one run cost, as far as known; the record with the same number replaces it.

    Attributes:
        number: Identifies the run, in all histories: see `new_number`.
        source: Whose account it was measured on; None if that isn't known.
        kind: What was measured: "cell", "meter", "loop", "idle".
        work: Identifies runs of the same thing: see `work_id`.
        name: The name the user recognizes.
        began_at: When it began, as an aware datetime.
        notebook: The notebook's path or name; "" if unknown.
        kernel: Identifies the kernel.
        username: Who ran it, as the operating system knows them.
        items: The number of items a loop processed.
        within: Whether another run's cost includes this one.
        token: Credits that the key spent; None if unknown, as for the next three.
        user: Credits that the account spent.
        others: Credits that others spent meanwhile.
        topped_up: Credits that were added meanwhile.
        seconds: How long it took.
        settled: Whether the cost has settled.
        confidence: How sure it is.
        reason: Why.
        simulated: Whether the demo account paid.
        together_label: Which work it can't be told apart from; "" if it can.
        together: What all of that cost; None if it can be told apart.
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
    """Return a number for a run: later ones are larger, and no two processes' are the same."""
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
    """Return what identifies runs of the same thing: a cell's key may be its source, which is kept nowhere.

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
