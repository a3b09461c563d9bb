"""What went wrong with a database, in words, and what to do about it."""

from __future__ import annotations

import errno
from enum import Enum

from ...errors import HistoryError
from .location import HISTORY_VARIABLE


class Problem(Enum):
    """Why a history can't be written or read; the value ends a sentence about it."""

    FULL = "the disk is full"
    LOCKED = "another program keeps it locked"
    READ_ONLY = "it can't be written there"
    DAMAGED = "the file is damaged"
    UNREACHABLE = "the database doesn't answer"
    REFUSED = "the database refuses the user or the password"
    NEWER = "a newer evolink_nb has upgraded it"
    DRIVER = "psycopg is not installed: pip install 'evolink-nb[team]'"
    SLOW = "it takes too long"
    OTHER = "the database failed"


# Phrases in the messages of SQLite, PostgreSQL and psycopg; the first match counts.
_PHRASES = (
    (Problem.FULL, ("disk is full", "no space left", "disk quota", "file too large")),
    (Problem.DAMAGED, ("not a database", "malformed", "file is encrypted")),
    (Problem.LOCKED, ("is locked", "lock timeout", "locking protocol")),
    (Problem.READ_ONLY, ("readonly", "read-only", "permission denied", "unable to open")),
    (Problem.REFUSED, ("authentication failed", "role", "no pg_hba.conf")),
    (Problem.SLOW, ("statement timeout", "interrupted")),
    (Problem.UNREACHABLE, ("connection", "server closed", "timeout expired", "shutting down", "starting up")),
    (Problem.UNREACHABLE, ("terminating", "could not translate", "name or service", "failed to resolve")),
    (Problem.FULL, ("disk i/o error",)),
)
_CODES = {
    errno.ENOSPC: Problem.FULL,
    errno.EDQUOT: Problem.FULL,
    errno.EFBIG: Problem.FULL,
    errno.EROFS: Problem.READ_ONLY,
    errno.EACCES: Problem.READ_ONLY,
    errno.EPERM: Problem.READ_ONLY,
    errno.ENOTDIR: Problem.READ_ONLY,
    errno.EISDIR: Problem.READ_ONLY,
    errno.EEXIST: Problem.READ_ONLY,
}


def problem_of(error: BaseException) -> Problem:
    """Return the problem behind an exception of SQLAlchemy, a driver or the operating system.

    Args:
        error: The exception.
    """
    if isinstance(error, ModuleNotFoundError):
        return Problem.DRIVER
    code = error.errno if isinstance(error, OSError) else None
    if code in _CODES:
        return _CODES[code]
    text = str(getattr(error, "orig", None) or error).lower()
    return next(
        (problem for problem, phrases in _PHRASES if any(phrase in text for phrase in phrases)), Problem.OTHER
    )


def history_error(problem: Problem, where: str) -> HistoryError:
    """Return the error to raise for callers that need the history.

    Args:
        problem: The problem.
        where: The history's location, as users may see it.
    """
    return HistoryError(
        f"The history in {where} can't be used: {problem.value}.",
        hint=f"Set {HISTORY_VARIABLE} to another location, or to off.",
    )
