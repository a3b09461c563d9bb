"""Readings for a budget that outlives the kernel: returns those kept earlier, and starts keeping new ones."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ...api.client import EvoLinkClient
from ...errors import HistoryError
from ...history import of_key
from ...history.current import current
from ...history.sharing.sharing import source_of
from .recording import recordings

if TYPE_CHECKING:
    from ...credits import Credits
    from ...history.tables.records import Source
    from ...polling.fetcher import CreditsFetcher

FLUSH_TIMEOUT = 2.0
"""Seconds that keeping the first reading may take."""


def kept_readings(fetcher: CreditsFetcher, since: datetime) -> list[Credits]:
    """Return the readings kept for the fetcher's key, starting at about a moment.

    Args:
        fetcher: The fetcher.
        since: The moment.

    Raises:
        HistoryError: There is no history, or it can't be read.
    """
    return of_key.kept_readings(_source_of(fetcher), since)


def keep_readings() -> None:
    """Keep readings from now on for later kernels, and write the newest at once."""
    recordings.begin()
    writer = current.writer()
    if writer is not None:
        # Even if this kernel is killed soon, the next one has a reading to count from.
        writer.flush(FLUSH_TIMEOUT)


def _source_of(fetcher: CreditsFetcher) -> Source:
    client = fetcher.client
    if not isinstance(client, EvoLinkClient):
        raise HistoryError("No history is kept of a client that is not an EvoLinkClient.")
    return source_of(client)
