"""Shows on an account's cards when its credits will run out, given the usual hours of spending."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ... import runtime
from ...api.client import EvoLinkClient

if TYPE_CHECKING:
    from ...polling.fetcher import CreditsFetcher

FIRST_AFTER = 3.0
"""Seconds until the first forecast: its imports must not delay anything a user waits for."""
EVERY = 600.0
"""Seconds between two forecasts: they look days ahead."""


class Forecasts:
    """Renews the forecasts of the accounts that were shown, from time to time while they are read."""

    def __init__(self) -> None:
        """Start with no accounts."""
        self._lock = threading.Lock()
        self._due: dict[CreditsFetcher, float] = {}
        self._handlers: dict[CreditsFetcher, Callable[[Any], None]] = {}

    def follow(self, fetcher: CreditsFetcher) -> None:
        """Renew an account's forecast from now on.

        Args:
            fetcher: The fetcher that reads the account.
        """
        if fetcher in self._handlers or not isinstance(fetcher.client, EvoLinkClient):
            return
        self._due[fetcher] = time.monotonic() + FIRST_AFTER
        handler = self._handlers[fetcher] = partial(self._at_revision, fetcher)
        fetcher.observe(handler, "revision")

    def stop(self) -> None:
        """Stop renewing forecasts."""
        for fetcher, handler in self._handlers.items():
            fetcher.unobserve(handler, "revision")
        self._handlers.clear()
        self._due.clear()

    def _at_revision(self, fetcher: CreditsFetcher, _change: object = None) -> None:
        with self._lock:
            now = time.monotonic()
            if fetcher.credits is None or now < self._due.get(fetcher, float("inf")):
                return
            self._due[fetcher] = now + EVERY
        # On a thread: a database may be slow to answer.
        runtime.start(partial(_renew, fetcher), name="evolink-forecast")


def _renew(fetcher: CreditsFetcher) -> None:
    # On this thread too: nothing that a user waits for needs it.
    outlook = import_module("evolink_nb.history.of_key").outlook
    if isinstance(fetcher.client, EvoLinkClient) and fetcher.credits is not None:
        fetcher.set_message(forecast=outlook(fetcher.client, fetcher.credits))
