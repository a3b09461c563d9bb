"""``evolink-nb``: the balance and the demo on the command line."""

from __future__ import annotations

from .entry import main
from .exit_codes import BELOW, FLAW, OK, UNAVAILABLE, UNWRITABLE, USAGE

__all__ = ["BELOW", "FLAW", "OK", "UNAVAILABLE", "UNWRITABLE", "USAGE", "main"]
