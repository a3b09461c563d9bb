"""Wait for a condition that another thread brings about."""

from __future__ import annotations

import time
from collections.abc import Callable

LIMIT = 60.0
"""Seconds after which a condition counts as never met: far more than a busy machine needs."""
_PAUSE = 0.005


def wait_until(holds: Callable[[], object], *, limit: float = LIMIT) -> None:
    """Return once a condition holds.

    Args:
        holds: Called again and again; a true value ends the waiting.
        limit: Seconds to wait at most.

    Raises:
        AssertionError: It didn't hold in time.
    """
    deadline = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < deadline, f"not met within {limit:g} s"
        time.sleep(_PAUSE)
