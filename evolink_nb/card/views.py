"""Tracks which views of a card the user can see. Pure: no clock, no thread."""

from __future__ import annotations

from dataclasses import dataclass

HEARTBEAT_TIMEOUT = 150.0
"""Seconds of silence after which a visible view counts as gone; each view reports every minute."""
FIRST_REPORT = 3.0
"""Seconds within which a view that the user can see sends its first report."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment on two clocks, in seconds.

    Attributes:
        now: The monotonic clock.
        idle: The seconds in total for which the kernel has been idle. This clock stands still while messages
            may be waiting for a running cell, and while it isn't known whether a cell is running.
    """

    now: float
    idle: float = 0.0


@dataclass(frozen=True, slots=True)
class _Report:
    """A view's last report, and until when it stands: by one of the two clocks; for good if both are None."""

    visible: bool
    until: float | None
    until_idle: float | None

    def stands(self, moment: Moment) -> bool:
        if self.until is not None:
            return moment.now < self.until
        return self.until_idle is None or moment.idle < self.until_idle


class Views:
    """The last reports of the views of one card."""

    def __init__(self, opened: Moment, heartbeat_timeout: float = HEARTBEAT_TIMEOUT) -> None:
        """Start with no views.

        Args:
            opened: When the card was opened.
            heartbeat_timeout: Seconds of silence after which a visible view counts as gone.
        """
        self._heartbeat_timeout = heartbeat_timeout
        self._reports: dict[str, _Report] = {}
        self._first_until: float | None = opened.idle + FIRST_REPORT

    def report(self, view: str, moment: Moment, *, visible: bool, on_time: bool = True) -> None:
        """Record a view's report.

        Args:
            view: The view's id.
            moment: The current moment.
            visible: Whether the user can see it.
            on_time: Whether its messages arrive when they are sent. If they wait for a running cell, only
                silence while the kernel is idle counts.
        """
        self._first_until = None
        timeout = self._heartbeat_timeout
        until = moment.now + timeout if visible and on_time else None
        until_idle = moment.idle + timeout if visible and not on_time else None
        self._reports[view] = _Report(visible, until, until_idle)

    def leave(self, view: str) -> None:
        """Record that a view is gone.

        Args:
            view: The view's id.
        """
        self._first_until = None
        self._reports.pop(view, None)

    def any(self, moment: Moment) -> bool:
        """Return whether there is any view, visible or not, as far as was reported.

        Args:
            moment: The current moment.
        """
        self._reports = {view: report for view, report in self._reports.items() if report.stands(moment)}
        return bool(self._reports)

    def any_visible(self, moment: Moment) -> bool:
        """Return whether the user can see any view.

        Args:
            moment: The current moment.

        Returns:
            Whether one is visible; also True while the first report may still be on its way.
        """
        if self._first_until is not None:
            return moment.idle < self._first_until
        return self.any(moment) and any(report.visible for report in self._reports.values())
