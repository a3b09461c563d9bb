"""Tracks which views of a card the user can see. Pure: no clock, no thread."""

from __future__ import annotations

import math

HEARTBEAT_TIMEOUT = 150.0
"""Seconds of silence after which a visible view counts as gone; each view reports every minute."""


class Views:
    """The last reports of the views of one card.

    All times are in seconds of one monotonic clock.
    """

    def __init__(self, heartbeat_timeout: float = HEARTBEAT_TIMEOUT) -> None:
        """Start with no views.

        Args:
            heartbeat_timeout: Seconds of silence after which a visible view counts as gone.
        """
        self._heartbeat_timeout = heartbeat_timeout
        self._visible_until: dict[str, float] = {}
        self._was_heard = False

    def report(self, view: str, now: float, *, visible: bool, on_time: bool = True) -> None:
        """Record a view's report.

        Args:
            view: The view's id.
            now: The current time.
            visible: Whether the user can see it.
            on_time: Whether its messages arrive when they are sent: if they wait for a running cell, silence
                means nothing.
        """
        self._was_heard = True
        if visible:
            self._visible_until[view] = now + (self._heartbeat_timeout if on_time else math.inf)
        else:
            self._visible_until.pop(view, None)

    def any_visible(self, now: float) -> bool:
        """Return whether the user can see any view.

        Args:
            now: The current time.

        Returns:
            Whether one is visible; also True before the first report, which may take a while.
        """
        self._visible_until = {view: until for view, until in self._visible_until.items() if until > now}
        return bool(self._visible_until) or not self._was_heard
