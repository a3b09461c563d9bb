"""``python -m evolink_nb.demo``: the simulated API alone, until interrupted."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

from .account import SEED
from .server import DemoServer

if TYPE_CHECKING:
    from types import FrameType

_MAX_PORT = 65_535


def main(arguments: list[str] | None = None) -> int:
    """Print the simulated API's URL and key, and serve it until interrupted.

    Args:
        arguments: The command line; by default the process's own.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        prog="python -m evolink_nb.demo",
        description="A simulated EvoLink account and its API on 127.0.0.1. Prints its URL and its key.",
    )
    parser.add_argument("--port", type=_port, default=0, help="the port to listen on (default: a free one)")
    parser.add_argument(
        "--seed", type=int, default=SEED, help="the seed of everything random (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        # An exception, not an event: a handler that takes a lock could find the main thread holding it.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _leave)
        with DemoServer(port=options.port, seed=options.seed) as server:
            sys.stdout.write(f"{server.url}\n{server.key}\n")
            sys.stdout.flush()
            threading.Event().wait()
    except _Leaving:
        pass
    except OSError as error:
        sys.stderr.write(f"cannot listen on port {options.port}: {error.strerror or error}\n")
        return 1
    return 0


class _Leaving(BaseException):
    """The process was told to exit."""


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    # One signal is enough: a second must not interrupt the shutdown.
    for known in (signal.SIGINT, signal.SIGTERM):
        signal.signal(known, signal.SIG_IGN)
    raise _Leaving(number)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to {_MAX_PORT})")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
