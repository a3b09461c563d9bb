"""Prepares for measured work in a kernel that has measured nothing yet.

Light to import: code that imports `meter` may never use it.
"""

from __future__ import annotations

from importlib import import_module

from ..polling.fetcher import CreditsFetcher, watch_shared
from .current_shell import find_extension


class ExpectedWork:
    """Starts the recording when an account is first read for measured work, and tells the running cell."""

    def __init__(self) -> None:
        """Expect no work."""
        self._is_expected = False

    def expect(self) -> None:
        """Prepare for work that the running code may be about to measure or limit."""
        extension = find_extension()
        if extension is not None:
            extension.expect_work()
        if not self._is_expected:
            self._is_expected = True
            # Not inherited by a forked child, which keeps nothing.
            watch_shared(_begin)


expected_work = ExpectedWork()
"""The one instance in this process."""


def _begin(_fetcher: CreditsFetcher) -> None:
    import_module(f"{__package__}.kept.recording").recordings.begin_if_kept()
