"""How long the history is kept: as the environment or the configuration says."""

from __future__ import annotations

from dataclasses import dataclass

from ..api.credentials import read_variable

KEEP_READINGS_VARIABLE = "EVOLINK_NB_KEEP_READINGS"
"""Days for which every reading is kept (40), and later one an hour; 0 for ever."""
KEEP_HISTORY_VARIABLE = "EVOLINK_NB_KEEP_HISTORY"
"""Days for which costs and hours are kept; 0 for ever, as by default."""


KEEP_READINGS = 40
"""Days for which every reading is kept by default."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is kept, in days; None for ever.

    Attributes:
        every_reading: Every reading. Of older hours the last one stays, and what the hour came to.
        hours: The hours, and their last readings.
        costs: What work cost.
    """

    every_reading: int | None = KEEP_READINGS
    hours: int | None = None
    costs: int | None = None


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
    return Retention(keep_readings or None, keep_history or None, keep_history or None)


def _days(variable: str, default: int) -> int:
    text = read_variable(variable)
    if not text:
        return default
    # What can't be understood must delete nothing.
    return int(text) if text.isascii() and text.isdigit() else 0
