"""Who wants the reading kept fresh, and the cadence that follows. Pure: no thread, lock or clock."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace

MIN_INTERVAL = 0.1
"""Seconds between two readings at least, whatever is asked for."""
HIDDEN_INTERVAL = 120.0
"""Seconds between two readings at least while no subscriber is visible."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one subscriber wants.

    Attributes:
        interval: Seconds between two readings at most.
        visible: Whether anybody can see what the subscriber shows.
        ignores_pause: Whether it must be served while all others are paused, as a budget must.
    """

    interval: float
    visible: bool = True
    ignores_pause: bool = False


class Subscriptions:
    """The subscribers of one fetcher, and whether they are paused. False when there are none."""

    def __init__(self) -> None:
        """Begin with none, not paused."""
        self._of: dict[Hashable, Subscription] = {}
        self.paused = False
        """Whether nothing is to be read but for a subscriber that ignores it."""

    def __len__(self) -> int:
        return len(self._of)

    def __contains__(self, subscriber: object) -> bool:
        return subscriber in self._of

    def add(self, subscriber: Hashable, interval: float, *, ignores_pause: bool = False) -> None:
        """Add a subscriber, or change what one wants; one that was hidden stays so.

        Args:
            subscriber: Who; itself the key.
            interval: Seconds between two readings at most; `MIN_INTERVAL` at least.
            ignores_pause: Whether it is served while all others are paused.

        Raises:
            ValueError: The interval is no finite number.
        """
        if not math.isfinite(interval):
            raise ValueError(f"interval must be at least {MIN_INTERVAL} seconds, not {interval:g}.")
        known = self._of.get(subscriber)
        self._of[subscriber] = Subscription(
            max(interval, MIN_INTERVAL), visible=known is None or known.visible, ignores_pause=ignores_pause
        )

    def remove(self, subscriber: Hashable) -> bool:
        """Remove a subscriber.

        Returns:
            Whether it was one.
        """
        return self._of.pop(subscriber, None) is not None

    def clear(self) -> None:
        """Remove all subscribers; who comes next is not paused."""
        self._of.clear()
        self.paused = False

    def set_visible(self, subscriber: Hashable, *, visible: bool) -> None:
        """Record whether anybody can see a subscriber; no matter for who is none."""
        known = self._of.get(subscriber)
        if known is not None:
            self._of[subscriber] = replace(known, visible=visible)

    @property
    def is_paused(self) -> bool:
        """Whether nothing is to be read unasked: a subscriber that ignores pauses lifts that."""
        return self.paused and not any(each.ignores_pause for each in self._of.values())

    @property
    def shortest_interval(self) -> float | None:
        """The shortest interval wanted, in seconds, hidden subscribers included; None without any."""
        return min((each.interval for each in self._of.values()), default=None)

    def cadence(self, interval: float) -> float:
        """Return how often to read.

        Args:
            interval: Seconds between two readings as the fetcher is set.

        Returns:
            Seconds; `HIDDEN_INTERVAL` at least while there are subscribers and none is visible.
        """
        hidden = bool(self._of) and not any(each.visible for each in self._of.values())
        return max(interval, HIDDEN_INTERVAL) if hidden else interval
