"""How long a history is kept: a file as the environment or the configuration says, a database by itself."""

from __future__ import annotations

from dataclasses import dataclass

from ...api.credentials import read_variable

KEEP_READINGS_VARIABLE = "EVOLINK_NB_KEEP_READINGS"
"""Days for which a file keeps every reading (40), and later one an hour; 0 for ever."""
KEEP_HISTORY_VARIABLE = "EVOLINK_NB_KEEP_HISTORY"
"""Days for which a file keeps costs and hours; 0 (the default) for ever."""


KEEP_READINGS = 40
"""Days for which every reading is kept by default."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is kept, in days; None for ever.

    Attributes:
        every_reading: Every reading. Of older hours the last one stays, and what the hour came to.
        anything: What work cost, the hours, and their last readings.
    """

    every_reading: int | None = KEEP_READINGS
    anything: int | None = None

    @property
    def in_words(self) -> str:
        """What is kept for how long, as in "every reading for 40 days, hours and costs for ever"."""
        return f"every reading {_for(self.every_reading)}, hours and costs {_for(self.anything)}"


def retention_of(keep_readings: int | None = None, keep_history: int | None = None) -> Retention:
    """Return how long to keep what.

    Args:
        keep_readings: Days for which every reading is kept, 0 for ever; by default as the environment says.
        keep_history: Days for which anything is kept, 0 for ever; by default as the environment says.
    """
    if keep_readings is None:
        keep_readings = _days(KEEP_READINGS_VARIABLE, KEEP_READINGS)
    if keep_history is None:
        keep_history = _days(KEEP_HISTORY_VARIABLE, 0)
    return Retention(keep_readings or None, keep_history or None)


def _for(days: int | None) -> str:
    return "for ever" if days is None else f"for {days} day{'s' if days != 1 else ''}"


def _days(variable: str, default: int) -> int:
    text = read_variable(variable)
    if not text:
        return default
    # What can't be understood must delete nothing.
    return int(text) if text.isascii() and text.isdigit() else 0
