"""A ledger of a test's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from evolink_nb.metering import ledger
from evolink_nb.metering.ledger import MemoryLedger


@contextlib.contextmanager
def own_ledger() -> Iterator[MemoryLedger]:
    """Have work recorded in a ledger of its own inside the block."""
    before, book = ledger.current(), MemoryLedger()
    ledger.use(book)
    try:
        yield book
    finally:
        ledger.use(before)
