"""What `evolink-nb` exits with."""

from __future__ import annotations

OK = 0
BELOW = 1
USAGE = 64
UNAVAILABLE = 69
"""The last two are sysexits.h's EX_USAGE and EX_UNAVAILABLE."""
INTERRUPTED = 130
"""As a shell says it of a command that Ctrl+C has ended."""
