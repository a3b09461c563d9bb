"""The simulated account of a process that can't serve it: in a browser there are no sockets."""

from __future__ import annotations

from functools import cache

from .api import Api


@cache
def process_api() -> Api:
    """Return this process's simulated API, made on the first call."""
    return Api()
