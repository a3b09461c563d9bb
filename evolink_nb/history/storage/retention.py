"""How long a history is kept: a file's retention comes from settings, a team's database has its own."""

from __future__ import annotations

from dataclasses import dataclass

from ...api.credentials import read_variable

KEEP_READINGS_VARIABLE = "EVOLINK_NB_KEEP_READINGS"
"""Days for which a file keeps every reading (40 by default), and after that one per hour; 0 means forever."""
KEEP_HISTORY_VARIABLE = "EVOLINK_NB_KEEP_HISTORY"
"""Days for which a file keeps costs and hours; 0 (the default) means forever."""


KEEP_READINGS = 40
"""Days for which every reading is kept by default."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long readings and everything else are kept, in days; None for forever.

    Attributes:
        every_reading: How long every reading is kept. Older hours keep their last reading and their summary.
        anything: How long costs, hours and the hours' last readings are kept.
    """

    every_reading: int | None = KEEP_READINGS
    anything: int | None = None

    @property
    def in_words(self) -> str:
        """The retention as text: "every reading for 40 days, hours and costs forever"."""
        return f"every reading {_for(self.every_reading)}, hours and costs {_for(self.anything)}"


def retention_of(keep_readings: int | None = None, keep_history: int | None = None) -> Retention:
    """Return how long to keep readings and everything else.

    Args:
        keep_readings: Days to keep every reading, 0 for forever; by default the environment's setting.
        keep_history: Days to keep anything at all, 0 for forever; by default the environment's setting.
    """
    if keep_readings is None:
        keep_readings = _days(KEEP_READINGS_VARIABLE, KEEP_READINGS)
    if keep_history is None:
        keep_history = _days(KEEP_HISTORY_VARIABLE, 0)
    return Retention(keep_readings or None, keep_history or None)


def _for(days: int | None) -> str:
    return "forever" if days is None else f"for {days} day{'s' if days != 1 else ''}"


def _days(variable: str, default: int) -> int:
    text = read_variable(variable)
    if not text:
        return default
    # A setting that can't be parsed must not delete anything.
    return int(text) if text.isascii() and text.isdigit() else 0
