"""Has the recording begin with the first work that is measured, in a kernel that has used no magic yet.

Light to import: whoever imports `meter` may never use it.
"""

from __future__ import annotations

from importlib import import_module

from ..polling.fetcher import CreditsFetcher, watch_shared


class ExpectedWork:
    """Whether the first account that is read for measured work begins the recording."""

    def __init__(self) -> None:
        """Expect none."""
        self._is_expected = False

    def expect(self) -> None:
        """Begin the recording when an account is first read, if anything is to be kept of this process."""
        if not self._is_expected:
            self._is_expected = True
            # A forked child, of which nothing is kept, watches none.
            watch_shared(_begin)


expected_work = ExpectedWork()
"""This process's."""


def _begin(_fetcher: CreditsFetcher) -> None:
    import_module(f"{__package__}.kept.recording").recordings.begin_if_kept()
