"""The fetchers of this process: the shared one of each base URL and key, and all others."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from ..runtime import forget_after_fork
from .reader import STOP_TIMEOUT


class Closable(Protocol):
    """What has a connection to close."""

    def close(self) -> None:
        """Close it; a later use opens another."""


class Fetcher(Protocol):
    """What the registry needs of a `CreditsFetcher`."""

    @property
    def client(self) -> Closable:
        """What it reads with."""

    def stop(self, *, timeout: float) -> None:
        """End its thread, waiting ``timeout`` seconds at most."""


F = TypeVar("F", bound=Fetcher)


class SharedFetchers(Generic[F]):
    """The one fetcher of each base URL and key, which iterating goes over; and, held weakly, all fetchers.

    A forked child shares none of its parent's.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.RLock()
        self._shared: dict[str, F] = {}
        self._all: weakref.WeakSet[F] = weakref.WeakSet()
        forget_after_fork(self)

    def __iter__(self) -> Iterator[F]:
        with self._lock:
            return iter(tuple(self._shared.values()))

    def get(self, identity: str, make: Callable[[], F]) -> F:
        """Return the shared fetcher of an account.

        Args:
            identity: What tells base URL and key apart, without telling either.
            make: Makes the fetcher where there is none.

        Returns:
            The same one until `stop_all`.
        """
        with self._lock:
            if identity not in self._shared:
                self._shared[identity] = make()
            return self._shared[identity]

    def add(self, fetcher: F) -> None:
        """Have a fetcher stopped with all others, shared or not.

        Args:
            fetcher: Held weakly.
        """
        with self._lock:
            self._all.add(fetcher)

    def stop_all(self, *, timeout: float = STOP_TIMEOUT) -> None:
        """Stop every fetcher, close the connections of the shared ones, and share none of them any more.

        Args:
            timeout: The most seconds to wait for all their threads to end.
        """
        with self._lock:
            fetchers, shared = list(self._all), list(self._shared.values())
            self._shared.clear()
        # Outside the lock: an observer that is told of a stop may ask for a shared fetcher.
        # One after the other, but the wait for threads is one for all of them.
        deadline = time.monotonic() + timeout
        for fetcher in fetchers:
            fetcher.stop(timeout=max(deadline - time.monotonic(), 0.0))
        for fetcher in shared:
            fetcher.client.close()

    def after_fork(self) -> None:
        """Share none of the parent's, without touching them."""
        self._lock = threading.RLock()
        self._shared = {}
