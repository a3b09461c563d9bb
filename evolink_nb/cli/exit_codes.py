"""The exit codes of `evolink-nb`; those from 64 to 78 follow sysexits.h."""

from __future__ import annotations

OK = 0
"""The command did what it was asked to do."""
BELOW = 1
"""Less than ``--min`` can be spent; nothing else exits with 1."""
USAGE = 64
"""The command was typed wrong, or there is no key (EX_USAGE)."""
UNAVAILABLE = 69
"""The balance can't be read (EX_UNAVAILABLE)."""
FLAW = 70
"""An unexpected error; please report it (EX_SOFTWARE)."""
UNWRITABLE = 74
"""The output was not written in full (EX_IOERR)."""
INTERRUPTED = 130
"""Ctrl+C ended the command, even with `--watch`; a calling script then ends too."""
