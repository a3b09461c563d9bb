"""Prints the output of `evolink-nb`: readable in any encoding, and failed writes are noticed."""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import sys
from dataclasses import dataclass
from typing import IO

from ..formatting import print_line

STAND_INS = {
    "\N{INFINITY}": "unlimited",
    "\N{MINUS SIGN}": "-",
    "\N{ALMOST EQUAL TO}": "~",
    "\N{MIDDLE DOT}": "-",
    "\N{HORIZONTAL ELLIPSIS}": "...",
}
"""Replacements for our own characters that an encoding lacks; others are written as escapes."""
_FACTS = ("status", "code", "request_id", "retry_after")
"""Facts about the API's answer that a JSON error includes, named as in Python."""
_ERROR_HANDLER = "evolink-nb"


class OutputError(Exception):
    """Standard output can't be written; for example, the disk is full or the pipe's reader has closed it."""


def accept_any_text() -> None:
    """Make both streams replace characters that their encoding lacks, instead of failing."""
    codecs.register_error(_ERROR_HANDLER, _stand_in)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # the stream of a notebook has none
        if reconfigure is not None:
            reconfigure(errors=_ERROR_HANDLER)


def say(text: str) -> None:
    """Print a result.

    Args:
        text: The text; a newline is added.

    Raises:
        OutputError: It can't be written.
    """
    if sys.stdout is None:  # closed before the command began (`>&-`)
        raise OutputError("it is closed")
    try:
        print_line(text, sys.stdout)
    except (OSError, ValueError) as error:  # a ValueError if it has been closed
        _silence(sys.stdout)
        raise OutputError(getattr(error, "strerror", None) or str(error)) from error


def complain(text: str) -> None:
    """Print an error message if possible; the exit code reports the error anyway.

    Args:
        text: The text.
    """
    _print_error(f"evolink-nb: {text}")


def _print_error(text: str) -> None:
    try:
        print_line(text, sys.stderr)
    except (OSError, ValueError):
        _silence(sys.stderr)


@dataclass(frozen=True, slots=True)
class Failure:
    """Reports why a command failed, as a sentence or as JSON.

    Attributes:
        as_json: Whether to print one line of JSON.
    """

    as_json: bool = False

    def say(self, text: str, error: BaseException | None, code: int, *, after: str = "") -> int:
        """Print the failure to standard error, where it can't be mistaken for a result.

        Args:
            text: What went wrong, and what to do about it.
            error: The error, if there is one.
            code: The exit code.
            after: More text for people; left out of JSON.

        Returns:
            The exit code.
        """
        if not self.as_json:
            complain(text + after)
            return code
        message, _, hint = text.partition("\n")
        facts = {"type": type(error).__name__ if error else "BelowMinimum", "message": message}
        facts |= {"hint": hint} if hint else {}
        known = {name: getattr(error, name, None) for name in _FACTS}
        facts |= {name: value for name, value in known.items() if value is not None}
        _print_error(json.dumps({"error": {**facts, "exit_code": code}}))
        return code


def _silence(stream: IO[str]) -> None:
    """Discard what a stream has buffered: Python would try to write it again at exit, and exit with 120."""
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
