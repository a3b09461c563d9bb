"""What holds in a forked child of the test's own process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

_LIMIT = 20
"""Seconds that a child may take."""

FORKS = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork"),
    # From 3.12 on, Python warns of every fork beside a thread.
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]
"""The marks of tests that fork."""


def in_child(check: Callable[[], bool]) -> bool:
    """Return what a check finds in a forked child; False if it raises or hangs."""
    child = os.fork()
    if child == 0:
        found = False
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_LIMIT)
        try:
            found = check()
        finally:
            os._exit(0 if found else 1)
    return os.waitpid(child, 0)[1] == 0
