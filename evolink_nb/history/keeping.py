"""How long a team's database keeps its rows: the same for everyone who shares it, set only by a command.

A setting of one kernel must not delete what others want to look back on.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from .current import current
from .looking_back import change, read
from .storage.location import Kind
from .storage.retention import KEEP_HISTORY_VARIABLE, KEEP_READINGS_VARIABLE

if TYPE_CHECKING:
    from .storage.retention import Retention


def kept_for() -> Retention:
    """Return how long the team's database keeps readings and everything else.

    Raises:
        HistoryError: There is no history, or it can't be read.
        ConfigurationError: It isn't a database that a team shares.
    """
    found: Retention = read(_of_server().retention_in)
    return found


def keep_for(keep_readings: int | None, keep_history: int | None) -> Retention:
    """Set how long the team's database keeps readings and everything else; return the result.

    Args:
        keep_readings: Days to keep every reading, 0 for forever; None for no change.
        keep_history: Days to keep anything at all, 0 for forever; None for no change.

    Raises:
        HistoryError: There is no history, or it can't be written.
        ConfigurationError: It isn't a database that a team shares.
    """
    maintaining = _of_server()
    found: Retention = change(lambda connection: maintaining.keep_in(connection, keep_readings, keep_history))
    return found


def _of_server() -> Any:
    location = current.required_writer().location
    if location.kind is not Kind.SERVER:
        raise ConfigurationError(
            f"The history in {location.shown} is yours alone; your settings decide how long it is kept.",
            hint=f"Set {KEEP_READINGS_VARIABLE} or {KEEP_HISTORY_VARIABLE}.",
        )
    return import_module("evolink_nb.history.storage.maintaining")  # it imports SQLAlchemy
