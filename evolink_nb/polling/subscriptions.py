"""The subscribers, and how often to read for them. Pure: no thread, lock or clock."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace

MIN_INTERVAL = 0.1
"""The shortest time between two readings, in seconds, whatever is requested."""
HIDDEN_INTERVAL = 120.0
"""The shortest time between two readings while no subscriber is visible, in seconds."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscriber's settings.

    Attributes:
        interval: The longest time between two readings, in seconds.
        visible: Whether the user can see what the subscriber shows.
        ignores_pause: Whether it must be served, like a budget, even while all others are paused and after
            errors that stop reading for all others.
        is_fresh: Whether it accepts no reading from another process.
    """

    interval: float
    visible: bool = True
    ignores_pause: bool = False
    is_fresh: bool = False


class Subscriptions:
    """The subscribers of one fetcher, and whether they are paused. False if there are none."""

    def __init__(self) -> None:
        """Start with none, not paused."""
        self._of: dict[Hashable, Subscription] = {}
        self.paused = False
        """Whether to read only for subscribers that ignore the pause."""

    def __len__(self) -> int:
        return len(self._of)

    def __contains__(self, subscriber: object) -> bool:
        return subscriber in self._of

    def add(
        self, subscriber: Hashable, interval: float, *, ignores_pause: bool = False, is_fresh: bool = False
    ) -> None:
        """Add a subscriber, or update its settings; a hidden one stays hidden.

        Args:
            subscriber: The subscriber, used as the key.
            interval: The longest time between two readings, in seconds; at least `MIN_INTERVAL`.
            ignores_pause: Whether it is served even while all others are paused.
            is_fresh: Whether it accepts no reading from another process.

        Raises:
            ValueError: The interval is not a finite number.
        """
        if not math.isfinite(interval):
            raise ValueError(f"interval must be at least {MIN_INTERVAL} seconds, not {interval:g}.")
        known = self._of.get(subscriber)
        self._of[subscriber] = Subscription(
            max(interval, MIN_INTERVAL),
            visible=known is None or known.visible,
            ignores_pause=ignores_pause,
            is_fresh=is_fresh,
        )

    def remove(self, subscriber: Hashable) -> bool:
        """Remove a subscriber.

        Returns:
            Whether it was subscribed.
        """
        return self._of.pop(subscriber, None) is not None

    def clear(self) -> None:
        """Remove all subscribers and lift the pause."""
        self._of.clear()
        self.paused = False

    def set_visible(self, subscriber: Hashable, *, visible: bool) -> bool:
        """Record whether the user can see a subscriber.

        Args:
            subscriber: The subscriber; ignored if not subscribed.
            visible: Whether the user can see it.

        Returns:
            Whether that changed the shortest interval.
        """
        shortest, known = self.shortest_interval, self._of.get(subscriber)
        if known is not None:
            self._of[subscriber] = replace(known, visible=visible)
        return self.shortest_interval != shortest

    @property
    def must_be_served(self) -> bool:
        """Whether a subscriber must be served even while the others have to wait."""
        return any(each.ignores_pause for each in self._of.values())

    @property
    def are_fresh(self) -> bool:
        """Whether a subscriber accepts no reading from another process: a budget, or one that is fresh."""
        return any(each.is_fresh or each.ignores_pause for each in self._of.values())

    @property
    def is_paused(self) -> bool:
        """Whether to read only on request: reading is paused, and no subscriber must be served."""
        return self.paused and not self.must_be_served

    @property
    def shortest_interval(self) -> float | None:
        """The shortest interval wanted, in seconds: by visible subscribers, or by hidden ones if all are.

        None without subscribers.
        """
        wanted = [each for each in self._of.values() if each.visible] or self._of.values()
        return min((each.interval for each in wanted), default=None)

    def cadence(self, interval: float) -> float:
        """Return the time between two readings.

        Args:
            interval: The fetcher's own interval, in seconds.

        Returns:
            Seconds; at least `HIDDEN_INTERVAL` while there are subscribers and none is visible.
        """
        hidden = bool(self._of) and not any(each.visible for each in self._of.values())
        return max(interval, HIDDEN_INTERVAL) if hidden else interval
