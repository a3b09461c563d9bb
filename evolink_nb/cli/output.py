"""What `evolink-nb` prints: readable in any encoding, and known to have been written."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
from typing import IO

STAND_INS = {
    "\N{INFINITY}": "unlimited",
    "\N{MINUS SIGN}": "-",
    "\N{ALMOST EQUAL TO}": "~",
    "\N{MIDDLE DOT}": "-",
    "\N{HORIZONTAL ELLIPSIS}": "...",
}
"""What stands for our own characters where the encoding lacks them; others are written as escapes."""
_ERROR_HANDLER = "evolink-nb"


class OutputError(Exception):
    """Standard output can't be written, as to a full disk or a pipe that its reader has closed."""


def accept_any_text() -> None:
    """Have both streams write what their encoding lacks in other characters, instead of failing."""
    codecs.register_error(_ERROR_HANDLER, _stand_in)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # the stream of a notebook has none
        if reconfigure is not None:
            reconfigure(errors=_ERROR_HANDLER)


def say(text: str) -> None:
    """Print a result.

    Args:
        text: The text; a line's end is added.

    Raises:
        OutputError: It can't be written.
    """
    if sys.stdout is None:  # closed before the command began (`>&-`)
        raise OutputError("it is closed")
    try:
        print(text, flush=True)
    except (OSError, ValueError) as error:  # a ValueError if it has been closed
        _silence(sys.stdout)
        raise OutputError(getattr(error, "strerror", None) or str(error)) from error


def complain(text: str) -> None:
    """Print an error's text, if that is possible: the exit code says the same.

    Args:
        text: The text.
    """
    try:
        print(f"evolink-nb: {text}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        _silence(sys.stderr)


def _silence(stream: IO[str]) -> None:
    """Drop what a stream still holds: Python would try to write it again at exit, and exit with 120."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _stand_in(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if character in STAND_INS:
        return STAND_INS[character], error.start + 1
    return codecs.backslashreplace_errors(
        UnicodeEncodeError(error.encoding, error.object, error.start, error.start + 1, error.reason)
    )
