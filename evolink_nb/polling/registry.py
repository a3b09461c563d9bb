"""The fetchers of this process: the shared ones, one for each base URL and key, and all others."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Generic, Protocol, TypeVar

from ..runtime import forget_after_fork, guarded
from .reader import STOP_TIMEOUT


class Closable(Protocol):
    """Anything with a connection to close."""

    def close(self) -> None:
        """Close it; later use opens another."""


class Fetcher(Protocol):
    """The part of `CreditsFetcher` that the registry needs."""

    @property
    def client(self) -> Closable:
        """The client it reads with."""

    def stop(self, *, timeout: float) -> None:
        """End its thread, waiting at most ``timeout`` seconds."""


F = TypeVar("F", bound=Fetcher)


class SharedFetchers(Generic[F]):
    """The shared fetchers, one for each base URL and key (iteration yields these); holds others weakly.

    A forked child shares none of its parent's.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.RLock()
        self._shared: dict[str, F] = {}
        self._all: weakref.WeakSet[F] = weakref.WeakSet()
        self._watchers: list[Callable[[F], None]] = []
        forget_after_fork(self)

    def __iter__(self) -> Iterator[F]:
        with self._lock:
            return iter(tuple(self._shared.values()))

    def get(self, identity: str, make: Callable[[], F]) -> F:
        """Return the shared fetcher of an account.

        Args:
            identity: Identifies the base URL and key without revealing them.
            make: Creates the fetcher if there is none.

        Returns:
            The fetcher; the same one until `stop_all`.
        """
        with self._lock:
            found = self._shared.get(identity)
            if found is not None:
                return found
            made = self._shared[identity] = make()
            watchers = list(self._watchers)
        for watcher in watchers:
            with guarded("A new fetcher could not be announced."):
                watcher(made)
        return made

    def watch(self, watcher: Callable[[F], None]) -> Callable[[], None]:
        """Call a function with each shared fetcher, present and future.

        Args:
            watcher: The function.

        Returns:
            A function that ends this.
        """
        with self._lock:
            self._watchers.append(watcher)
            shared = list(self._shared.values())
        for fetcher in shared:
            watcher(fetcher)
        return partial(self._unwatch, watcher)

    def _unwatch(self, watcher: Callable[[F], None]) -> None:
        with self._lock:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

    def add(self, fetcher: F) -> None:
        """Include a fetcher in `stop_all`, shared or not.

        Args:
            fetcher: The fetcher; held weakly.
        """
        with self._lock:
            self._all.add(fetcher)

    def stop_all(self, *, timeout: float = STOP_TIMEOUT) -> None:
        """Stop every fetcher, close the shared ones' connections, and forget the shared ones.

        Args:
            timeout: The longest time to wait for all their threads to end, in seconds.
        """
        with self._lock:
            fetchers, shared = list(self._all), list(self._shared.values())
            self._shared.clear()
        # Outside the lock: an observer notified of a stop may ask for a shared fetcher.
        # One after another, but sharing one deadline.
        deadline = time.monotonic() + timeout
        for fetcher in fetchers:
            fetcher.stop(timeout=max(deadline - time.monotonic(), 0.0))
        for fetcher in shared:
            fetcher.client.close()

    def after_fork(self) -> None:
        """Forget the parent's shared fetchers, without touching them."""
        self._lock = threading.RLock()
        self._shared, self._watchers = {}, []
