"""When this kernel itself may have spent, measured or not. Pure."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

KEPT_FOR = 3_600.0
"""Seconds for which such times are remembered."""


@dataclass(slots=True)
class _Span:
    began: float
    ended: float = math.inf


class OwnTime:
    """When code of this kernel ran: all the time, unless its cells are reported."""

    def __init__(self, now: float) -> None:
        """Start with code running.

        Args:
            now: The time, in seconds.
        """
        self._spans = deque([_Span(now)])

    def begin(self, now: float) -> None:
        """Record that a cell begins.

        Args:
            now: The time, in seconds.
        """
        if self._spans and math.isinf(self._spans[-1].ended):
            return
        while self._spans and self._spans[0].ended <= now - KEPT_FOR:
            self._spans.popleft()
        self._spans.append(_Span(now))

    def end(self, now: float) -> None:
        """Record that no cell runs any more.

        Args:
            now: The time, in seconds.
        """
        if self._spans and math.isinf(self._spans[-1].ended):
            self._spans[-1].ended = now

    def overlaps(self, since: float, until: float) -> bool:
        """Return whether any code ran between two times.

        Args:
            since: The earlier time, in seconds.
            until: The later time.
        """
        return any(each.began <= until and each.ended >= since for each in self._spans)
