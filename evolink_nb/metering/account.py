"""The account that work is metered on."""

from __future__ import annotations

from ..api import settings
from ..api.client import EvoLinkClient, client_for, identity_of
from ..polling.fetcher import CreditsFetcher


def shared_fetcher(client: EvoLinkClient | None = None) -> CreditsFetcher:
    """Return this process's fetcher for an account.

    Args:
        client: The client for the account; by default, one with the key that `settings` finds.
    """
    return fetcher_of(settings.connection()) if client is None else CreditsFetcher.shared(client)


def fetcher_of(found: settings.Connection) -> CreditsFetcher:
    """Return this process's fetcher for the account of a connection.

    Args:
        found: The connection.
    """
    # Most readings are of a known account, and creating a client takes a twentieth of a reading's time.
    return CreditsFetcher.shared_as(identity_of(found), lambda: client_for(found))
