"""Whether an answer was made for its request or earlier. Pure: it uses no clock, only times in the answers.

A cache on the way may answer in the server's place, and its answer says nothing about the present. Some
caches say so in a header. To detect the others, the server's ``Date`` is compared with the ``Date`` of
earlier answers, never with this machine's clock, which may be wrong.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..formatting import format_time

MAX_REPEAT = 2.0
"""Seconds after which two answers can't have the same ``Date`` (it has whole seconds)."""
MAX_SKEW = 5.0
"""Seconds by which the clocks of the servers behind one name may differ."""
MAX_AGE = 1e9
"""The longest age reported, in seconds; a header may hold any number of digits."""

_HIT_HEADERS = ("CF-Cache-Status", "X-Cache", "X-Cache-Status", "X-From-Cache", "X-Proxy-Cache")
"""Headers that begin with "hit" or the like if a cache had the answer."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """When an answer was made, by the server's clock, and requested and received, by the monotonic clock."""

    made_at: datetime
    requested_at: float
    received_at: float

    def is_behind(self, earlier: _Answer) -> bool:
        """Return whether it was made longer before its request than differing clocks can explain."""
        passed = self.requested_at - earlier.received_at
        advanced = (self.made_at - earlier.made_at).total_seconds()
        return passed > MAX_REPEAT if not advanced else passed - advanced > MAX_SKEW


class ServerClock:
    """A server's clock, known from the ``Date`` of its answers.

    Answers that arrive at the same time in several threads may be recorded in any order.
    """

    def __init__(self) -> None:
        """Start knowing nothing about the server's clock."""
        self._newest: _Answer | None = None
        # The last answer that was too old, and whether any answer since the newest has repeated its date.
        self._suspect: _Answer | None = None
        self._is_cached = False

    def why_old(self, headers: Mapping[str, str], requested_at: float, received_at: float) -> str | None:
        """Record an answer, and return why it can't have been made for its request.

        Args:
            headers: Its headers.
            requested_at: When it was requested, in monotonic seconds.
            received_at: When it arrived, in monotonic seconds.

        Returns:
            The evidence that it was made earlier, as a phrase; None if there is none.
        """
        told = _told(headers, received_at - requested_at)
        made_at = parse_date(headers.get("Date") or "")
        if told is not None or made_at is None:
            return told
        answer = _Answer(made_at, requested_at, received_at)
        if self._newest is None or not answer.is_behind(self._newest) or self._was_set_back(answer):
            self._newest, self._suspect, self._is_cached = answer, None, False
            return None
        repeats = made_at == self._newest.made_at
        self._suspect, self._is_cached = answer, self._is_cached or repeats
        return "its Date is that of an earlier answer" if repeats else "its Date is older than the request"

    def now(self, monotonic: float) -> datetime | None:
        """Return the server's time.

        Args:
            monotonic: The present, in monotonic seconds.

        Returns:
            The time to about a second, aware; None if no answer has contained it.
        """
        if self._newest is None:
            return None
        return self._newest.made_at + timedelta(seconds=monotonic - self._newest.received_at)

    def _was_set_back(self, answer: _Answer) -> bool:
        """Return whether the server's clock was set back: the last two answers agree on an earlier time.

        A cache that refreshes after it has answered looks the same, but has repeated a date before.
        """
        suspect = self._suspect
        if suspect is None or self._is_cached:
            return False
        return answer.made_at > suspect.made_at and not answer.is_behind(suspect)


def parse_date(text: str) -> datetime | None:
    """Return the moment in a date header, or None if it can't be parsed. Without a zone it is in GMT."""
    try:
        date = email.utils.parsedate_to_datetime(text)
        return date.replace(tzinfo=date.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _told(headers: Mapping[str, str], duration: float) -> str | None:
    """Return the evidence from a cache's own headers that the answer is older than ``duration`` seconds."""
    age = re.match(r"\s*(\d+)", headers.get("Age") or "", re.ASCII)
    seconds = min(float(age[1]), MAX_AGE) if age else 0.0
    if seconds > max(duration, 0.0):
        return f"a cache had kept it for {format_time(seconds)}"
    hits = [headers.get(name) or "" for name in _HIT_HEADERS]
    if any(re.match(r"\s*(hit|stale|1|true)\b", hit, re.ASCII | re.IGNORECASE) for hit in hits):
        return "a cache says it answered"
    # RFC 9211: `Cache-Status: ExampleCache; hit; ttl=30`, with one such item for each cache on the way.
    if re.search(r";\s*hit\s*(?:[;,]|=\s*\?1|$)", headers.get("Cache-Status") or "", re.IGNORECASE):
        return "a cache says it answered"
    return None
