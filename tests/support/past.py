"""A history with some weeks of a client's spending in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from evolink_nb.history.sharing.sharing import source_of
from evolink_nb.history.storage.location import find_location
from tests.support.histories import reading, writing_to

if TYPE_CHECKING:
    from pathlib import Path

    from evolink_nb import EvoLinkClient

DAYS = 15


def spent_evenly(path: Path, client: EvoLinkClient, per_hour: int) -> None:
    """Write a history in which a client's key has spent so much an hour for two weeks."""
    now = datetime.now(UTC)
    with writing_to(find_location(str(path))) as writer:
        for hours in range(24 * DAYS, -1, -1):
            spent = per_hour * (24 * DAYS - hours)
            kept = reading(0, spent, granted=10**6)
            writer.record_reading(source_of(client), replace(kept, read_at=now - timedelta(hours=hours)))
        assert writer.flush(30)
