"""The ``evolink-nb`` command: the balance, alarms, the history and the demo from a shell."""

from __future__ import annotations

from .entry import main
from .exit_codes import BELOW, FLAW, OK, UNAVAILABLE, UNWRITABLE, USAGE

__all__ = ["BELOW", "FLAW", "OK", "UNAVAILABLE", "UNWRITABLE", "USAGE", "main"]
