"""The one demo server of this process, started when it is first asked for."""

from __future__ import annotations

import atexit
import threading

from .account import SEED
from .server import DemoServer

_lock = threading.Lock()
_servers: list[DemoServer] = []


def running(seed: int = SEED) -> DemoServer:
    """Give this process's demo server, started on the first call; the seed counts then only."""
    with _lock:
        if not _servers:
            _servers.append(DemoServer(seed=seed).start())
            atexit.register(stop_running)
        return _servers[0]


def stop_running() -> None:
    """Stop this process's demo server, if it has one; the next `running` starts a new one."""
    with _lock:
        atexit.unregister(stop_running)
        while _servers:
            _servers.pop().stop()
