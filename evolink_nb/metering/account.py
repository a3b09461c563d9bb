"""The account that work is metered on."""

from __future__ import annotations

from ..api import settings
from ..api.client import EvoLinkClient
from ..polling.fetcher import CreditsFetcher


def shared_fetcher(client: EvoLinkClient | None = None) -> CreditsFetcher:
    """Return this process's fetcher for an account.

    Args:
        client: The client for the account; by default, one with the key that `settings` finds.
    """
    return CreditsFetcher.shared(client or EvoLinkClient(), settings.INTERVAL)
