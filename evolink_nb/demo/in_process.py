"""The simulated account of a process that can't serve it, such as in a browser, which has no sockets."""

from __future__ import annotations

from functools import cache

from .api import Api


@cache
def process_api() -> Api:
    """Return this process's simulated API, made on the first call."""
    return Api()
