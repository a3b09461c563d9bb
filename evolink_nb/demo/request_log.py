"""A log of the requests to the simulated API, without keys."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .messages import Request

MAX_REQUESTS = 1000
"""The most requests kept."""


@dataclass(frozen=True)
class SeenRequest:
    """The parts of a request that are kept: only the names of its headers, which keeps keys out."""

    method: str
    path: str
    header_names: tuple[str, ...]
    user_agent: str | None


class RequestLog:
    """Counts requests by route, keeps the latest, and lets callers wait for them; thread-safe."""

    def __init__(self) -> None:
        self._arrival = threading.Condition()
        self._counts: Counter[str] = Counter()
        self._latest: deque[SeenRequest] = deque(maxlen=MAX_REQUESTS)

    @property
    def counts(self) -> Counter[str]:
        """The number of requests to each route, as ``{"/v1/credits": 3}``; ``unknown`` counts the rest."""
        with self._arrival:
            return self._counts.copy()

    @property
    def latest(self) -> tuple[SeenRequest, ...]:
        """The latest requests, oldest first."""
        with self._arrival:
            return tuple(self._latest)

    def record(self, route: str, request: Request) -> None:
        """Count a request to a route, and keep it without secrets."""
        names = tuple(name for name, _ in request.headers)
        seen = SeenRequest(request.method, route, names, request.header("User-Agent"))
        with self._arrival:
            self._counts[route] += 1
            self._latest.append(seen)
            self._arrival.notify_all()

    def forget_after_fork(self) -> None:
        """Make the log usable in a forked child: the parent's threads may have held the lock."""
        self._arrival = threading.Condition()

    def wait_for(self, route: str, count: int, timeout: float) -> None:
        """Wait until a route has had a total number of requests.

        Args:
            route: A path of the API.
            count: The number of requests.
            timeout: The longest time to wait, in seconds.

        Raises:
            TimeoutError: It has had fewer by then.
        """
        with self._arrival:
            if not self._arrival.wait_for(lambda: self._counts[route] >= count, timeout):
                raise TimeoutError(f"{self._counts[route]} of {count} requests to {route} after {timeout} s")
