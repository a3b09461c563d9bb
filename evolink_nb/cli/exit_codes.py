"""The exit codes of `evolink-nb`."""

from __future__ import annotations

OK = 0
BELOW = 1
USAGE = 64
UNAVAILABLE = 69
"""The last two are sysexits.h's EX_USAGE and EX_UNAVAILABLE."""
INTERRUPTED = 130
"""What a shell reports for a command ended by Ctrl+C."""
