"""The status of a reading. All code that names a status uses these names."""

from __future__ import annotations

from enum import StrEnum

from .. import errors
from .backoff import PERMANENT_ERRORS


class Status(StrEnum):
    """How fresh a reading is, or why there is none."""

    LOADING = "loading"
    """The first reading is in progress."""
    LIVE = "live"
    """The reading is fresh and kept fresh."""
    REFRESHING = "refreshing"
    """A newer reading was requested and is in progress."""
    PAUSED = "paused"
    """Nothing keeps the reading fresh: reading was paused or stopped."""
    RATE_LIMITED = "rate-limited"
    """EvoLink answered 429; the next read waits."""
    UNAUTHORIZED = "unauthorized"
    """The key was refused (401, 402, 403); until the user acts, nothing is read except for a budget."""
    OFFLINE = "offline"
    """EvoLink could not be reached."""
    ERROR = "error"
    """The last read failed in another way."""


def status_of(error: errors.EvoLinkError) -> Status:
    """Return the status after a failed read.

    Args:
        error: The cause.

    Returns:
        One of the four failed statuses.
    """
    if isinstance(error, PERMANENT_ERRORS):
        return Status.UNAUTHORIZED
    if isinstance(error, errors.RateLimitError):
        return Status.RATE_LIMITED
    return Status.OFFLINE if isinstance(error, errors.APIConnectionError) else Status.ERROR


def status_after_stop(last: Status, *, kept: bool) -> Status:
    """Return the status once nothing reads any more.

    Args:
        last: The last status, before any read in progress.
        kept: Whether subscribers were keeping the reading fresh. A reading taken once, for one caller, never
            claimed that.

    Returns:
        Paused if the reading was being kept fresh; otherwise, and after a failure, the last status.
    """
    return Status.PAUSED if kept and last in _FRESH else last


_FRESH = frozenset({Status.LOADING, Status.LIVE, Status.REFRESHING})
