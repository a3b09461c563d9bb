"""Which views of a card the user can see. Pure: no clock, no thread."""

from __future__ import annotations

import math

HEARTBEAT_TIMEOUT = 150.0
"""Seconds after which a visible view that isn't heard of counts as gone; each reports every minute."""


class Views:
    """What the views of one card have last said of themselves.

    All times are in seconds of one monotonic clock.
    """

    def __init__(self, heartbeat_timeout: float = HEARTBEAT_TIMEOUT) -> None:
        """Start with no view heard of.

        Args:
            heartbeat_timeout: Seconds after which a visible view that isn't heard of counts as gone.
        """
        self._heartbeat_timeout = heartbeat_timeout
        self._visible_until: dict[str, float] = {}
        self._was_heard = False

    def report(self, view: str, now: float, *, visible: bool, on_time: bool = True) -> None:
        """Record what a view says of itself.

        Args:
            view: Its name.
            now: When it said so.
            visible: Whether the user can see it.
            on_time: Whether its messages arrive when they are sent: where they wait for a running cell, its
                silence means nothing.
        """
        self._was_heard = True
        if visible:
            self._visible_until[view] = now + (self._heartbeat_timeout if on_time else math.inf)
        else:
            self._visible_until.pop(view, None)

    def any_visible(self, now: float) -> bool:
        """Return whether the user can see any view.

        Args:
            now: The time.

        Returns:
            Whether one is visible; True also before the first is heard of, which may take a while.
        """
        self._visible_until = {view: until for view, until in self._visible_until.items() if until > now}
        return bool(self._visible_until) or not self._was_heard
