"""The exit codes of `evolink-nb`: those from 64 to 78 as sysexits.h has them."""

from __future__ import annotations

OK = 0
BELOW = 1
"""Less than ``--min`` can be spent; nothing else exits so."""
USAGE = 64
UNAVAILABLE = 69
FLAW = 70
"""EX_SOFTWARE: an error that nothing here foresaw."""
UNWRITABLE = 74
"""EX_IOERR: the output was not written in full."""
INTERRUPTED = 130
"""What a shell reports for a command ended by Ctrl+C."""
