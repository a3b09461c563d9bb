"""Starts the recording with the first measured work, in a kernel that has used no magic yet.

Light to import: code that imports `meter` may never use it.
"""

from __future__ import annotations

from importlib import import_module

from ..polling.fetcher import CreditsFetcher, watch_shared


class ExpectedWork:
    """Starts the recording when an account is first read for measured work."""

    def __init__(self) -> None:
        """Expect no work."""
        self._is_expected = False

    def expect(self) -> None:
        """Start the recording when an account is first read, if this process is to keep anything."""
        if not self._is_expected:
            self._is_expected = True
            # Not inherited by a forked child, which keeps nothing.
            watch_shared(_begin)


expected_work = ExpectedWork()
"""The one instance in this process."""


def _begin(_fetcher: CreditsFetcher) -> None:
    import_module(f"{__package__}.kept.recording").recordings.begin_if_kept()
