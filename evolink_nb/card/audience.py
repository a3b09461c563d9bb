"""Whether the user can see a card, from what its views report; thread-safe."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .kernel_idle import kernel_idle
from .views import HEARTBEAT_TIMEOUT, Moment, Views


class Audience:
    """The views of one card; their reports arrive on the kernel's threads."""

    def __init__(
        self, on_change: Callable[[bool], None], heartbeat_timeout: float = HEARTBEAT_TIMEOUT
    ) -> None:
        """Start with a card whose first view is on its way.

        Args:
            on_change: Called by `update` with whether the card is visible now; the last call is the one
                that holds.
            heartbeat_timeout: Seconds of silence after which a visible view counts as gone.
        """
        self.visible = True
        """Whether the user could see the card at the last `update`."""
        self._on_change = on_change
        self._views = Views(_moment(), heartbeat_timeout)
        self._lock = threading.Lock()

    @property
    def has_views(self) -> bool:
        """Whether there is any view, visible or not, as far as was reported."""
        with self._lock:
            return self._views.any(_moment())

    def report(self, view: str, *, visible: bool) -> None:
        """Record a view's report, on the thread where it arrived.

        Args:
            view: The view's id.
            visible: Whether the user can see it.
        """
        # On the main thread messages wait for the running cell to end. A page's first one may arrive there
        # while JupyterLab is still opening its subshell; the view repeats it soon after.
        on_time = threading.current_thread() is not threading.main_thread()
        with self._lock:
            self._views.report(view, _moment(), visible=visible, on_time=on_time)
        self.update()

    def leave(self, view: str) -> None:
        """Record that a view is gone.

        Args:
            view: The view's id.
        """
        with self._lock:
            self._views.leave(view)
        self.update()

    def update(self) -> bool:
        """Re-evaluate the visibility, which time alone may change.

        Returns:
            Whether the user can see the card.
        """
        with self._lock:
            visible = self._views.any_visible(_moment())
            changed, self.visible = visible != self.visible, visible
        # Without the lock: another thread may need it meanwhile, and may also change the visibility.
        while changed:
            told = self.visible
            self._on_change(told)
            changed = told != self.visible
        return visible


def _moment() -> Moment:
    return Moment(time.monotonic(), kernel_idle.seconds)
