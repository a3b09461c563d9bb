"""Readings and costs to keep, and writers that begin at once."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from evolink_nb.credits import Credits, TokenCredits, UserCredits
from evolink_nb.history.storage.filesystems import MOUNTS
from evolink_nb.history.storage.store import Store
from evolink_nb.history.storage.writer import Writer
from evolink_nb.history.tables.records import CostRecord, Source, new_number, work_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evolink_nb.history.storage.location import Location

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
"""A Monday."""


def source(name: str = "key", **labels: str) -> Source:
    """Return a key as those who record know it."""

    def fingerprint(salt: bytes) -> str:
        return hashlib.blake2b(name.encode(), key=salt, digest_size=16).hexdigest()

    return Source(name, fingerprint, **labels)


def reading(
    minutes: float,
    used: Decimal | int | str,
    *,
    granted: int = 1000,
    others: int = 0,
    simulated: bool = False,
) -> Credits:
    """Return a reading some minutes after noon, of a key that has used so much of what the account has."""
    spent = Decimal(used)
    return Credits(
        TokenCredits(Decimal(granted) - spent, spent, unlimited=False),
        UserCredits(Decimal(granted) - spent - others, spent + others),
        read_at=NOON + timedelta(minutes=minutes),
        simulated=simulated,
    )


def cost(
    credits: Decimal | int | str | None, *, minutes: float = 0.0, key: str = "a", **other: Any
) -> CostRecord:
    """Return what a cell's run some minutes after noon cost."""
    amount = None if credits is None else Decimal(credits)
    given = {
        "number": new_number(),
        "source": source(),
        "kind": "cell",
        "work": work_id("cell", key),
        "name": f"run({key})",
        "began_at": NOON + timedelta(minutes=minutes),
        "token": amount,
        "user": amount,
        "seconds": 2.0,
        "confidence": "clean",
    }
    return CostRecord(**{**given, **other})


@contextmanager
def writing_to(location: Location, *, mounts: Path = MOUNTS) -> Iterator[Writer]:
    """A writer that begins at once, ended after the `with`; `mounts` lists the file systems."""
    writer = Writer(location, open_store=lambda: Store(location, mounts=mounts), delay=0.0)
    try:
        yield writer
    finally:
        writer.stop(10.0)
