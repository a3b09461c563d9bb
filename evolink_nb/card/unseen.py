"""Keeps a widget silent while the user can see none of its views."""

from __future__ import annotations

import threading
from typing import Any

from .audience import Audience
from .views import HEARTBEAT_TIMEOUT

URGENT = frozenset({"alarm", "notice"})
"""The traits that are sent even while the user can see no view: a hidden page may notify the user."""


class SilentUnseen:
    """A mixin for a widget that sends only what is urgent while the user can see no view of it.

    An idle kernel then looks idle, too: Jupyter's cullers go by what a kernel sends. It must come before the
    widget's own base class.
    """

    def _prepare_unseen(self, heartbeat_timeout: float = HEARTBEAT_TIMEOUT) -> None:
        """Start with a first view on its way; must be called before the widget opens its comm."""
        self._audience = Audience(self._on_visibility, heartbeat_timeout)
        self._unsent: set[str] = set()
        # Readings arrive on the fetcher's thread, messages on the kernel's; ipywidgets' hold_sync is not
        # thread-safe.
        self._syncing = threading.RLock()

    @property
    def visible(self) -> bool:
        """Whether the user can see a view of it, as far as its views report."""
        return self._audience.update()

    @property
    def has_views(self) -> bool:
        """Whether any page still has a view of it, visible or not, as far as those report."""
        return self._audience.has_views

    def send_state(self, key: Any = None) -> None:
        """Send traits to the front end; those that are not urgent wait while the user can see no view.

        Args:
            key: The name of a trait, or several; None for all, as for a front end that has just connected.
        """
        if key is not None and not self._audience.visible:
            names = {key} if isinstance(key, str) else set(key)
            self._unsent |= names - URGENT
            key = names & URGENT
        if key is None or key:
            super().send_state(key)  # type: ignore[misc] # the widget's own

    def _on_visibility(self, visible: bool) -> None:
        """Send what waited, once the user can see a view again."""
        if visible:
            with self._syncing:
                unsent, self._unsent = self._unsent, set()
                self.send_state(unsent)
