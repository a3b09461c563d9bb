"""A time of day that a test moves, for code in this process: readings and budgets live by it."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

READ_FROM = ("evolink_nb.api.transport.datetime", "evolink_nb.polling.clock.datetime")
"""Where the package takes it from, to stamp readings and to know the day."""


class TimeOfDay:
    """The right time of day, until a test moves it on; monotonic clocks and waits are real."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._moved = timedelta(0)
        for name in READ_FROM:
            monkeypatch.setattr(name, self)

    def move_on(self, seconds: float) -> None:
        """Let it be so many seconds later."""
        self._moved += timedelta(seconds=seconds)

    def now(self, zone: tzinfo | None = None) -> datetime:
        """Return the time, as an aware datetime in a time zone."""
        return datetime.now(zone) + self._moved
