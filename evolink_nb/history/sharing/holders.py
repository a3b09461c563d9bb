"""The names of processes that hold leases: host, process id and a random part."""

from __future__ import annotations

import os
import secrets
import socket

_HOST_CHARACTERS = 40


def new_holder() -> str:
    """Return a name for this process, a different one at each call."""
    return f"{_host()}:{os.getpid()}:{secrets.token_hex(6)}"


def host_and_pid(holder: str) -> tuple[str, int]:
    """Return the host and process id of a holder.

    Args:
        holder: Its name, as `new_holder` returned it.
    """
    host, pid, _ = holder.rsplit(":", 2)
    return host, int(pid)


def is_gone(holder: str) -> bool:
    """Return whether a holder is a process of this machine that has ended.

    Args:
        holder: Its name, as `new_holder` returned it.
    """
    host, pid = host_and_pid(holder)
    if host != _host() or os.name == "nt":
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _host() -> str:
    return socket.gethostname()[:_HOST_CHARACTERS]
