"""Calls with `client.auth` that fail, in a real IPython, and what its tracebacks then show.

``python -m tests.support.failing_calls`` prints a line for each: its way, its fault, the error, and
``hidden`` or how often the key shows in each kind of traceback.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import httpx
import httpx2
import requests
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from evolink_nb import EvoLinkClient
from tests.support.failing_server import SILENCE, FailingServer, Reply, loopback_certificate, response

PADDING = 5 << 20
"""More bytes of headers than fit between a client and a server that doesn't read."""
SHORT, LONG = 0.4, 20.0
"""Timeouts: of calls that end with it, and of others."""
MODES = ("Context", "Verbose")


def by_requests(client: EvoLinkClient, url: str, headers: dict[str, str], timeout: float) -> None:
    requests.post(url, headers=headers, auth=client.auth, json={}, timeout=timeout)


def by_session(client: EvoLinkClient, url: str, headers: dict[str, str], timeout: float) -> None:
    with requests.Session() as session:
        session.auth = client.auth
        session.post(url, headers=headers, timeout=timeout)


def by_httpx(client: EvoLinkClient, url: str, headers: dict[str, str], timeout: float) -> None:
    httpx.post(url, headers=headers, auth=client.auth, json={}, timeout=timeout)


def by_httpx2(client: EvoLinkClient, url: str, headers: dict[str, str], timeout: float) -> None:
    httpx2.post(url, headers=headers, auth=client.auth, json={}, timeout=timeout)


def by_async_httpx(client: EvoLinkClient, url: str, headers: dict[str, str], timeout: float) -> None:
    async def call() -> None:
        async with httpx.AsyncClient(auth=client.auth, timeout=timeout) as http:
            await http.post(url, headers=headers, json={})

    asyncio.run(call())


WAYS = (by_requests, by_session, by_httpx, by_httpx2, by_async_httpx)
FAULTS = {
    "closed": Reply(hang_up=True),
    "garbage": Reply(b"SSH-2.0-server\r\n\r\n", hang_up=True),
    "silence": SILENCE,
    "cut": Reply(response(length=100), hang_up=True),
}
"""What a server does that reads the request."""


class Shell:
    """IPython, asked for each kind of traceback of an error."""

    def __init__(self) -> None:
        settings = {"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "NoColor"}}
        self._shell = InteractiveShell.instance(config=Config(settings))

    def shows(self, error: BaseException, key: str) -> dict[str, int]:
        """Return in which kinds of traceback the key shows, and how often."""
        texts = {
            "locals": "".join(
                traceback.TracebackException.from_exception(error, capture_locals=True).format()
            )
        }
        for mode in MODES:
            self._shell.InteractiveTB.set_mode(mode=mode)
            texts[mode] = str(self._shell.InteractiveTB.text(type(error), error, error.__traceback__))
        assert "self" in texts["locals"]
        return {kind: text.count(key) for kind, text in texts.items() if key in text}


Way = Callable[[EvoLinkClient, str, dict[str, str], float], None]


def attempt(shell: Shell, way: Way, base_url: str, *, size: int = 0, timeout: float = LONG) -> str:
    """Return what comes of a call that fails: its error, and where the key shows."""
    with EvoLinkClient(base_url=base_url) as client:
        headers = {"X-Padding": "x" * size} if size else {}
        try:
            way(client, f"{base_url}/v1/images/generations", headers, timeout)
        except Exception as error:  # noqa: BLE001 - each library has its own
            # From the call on: this frame and those that called it are the test's.
            error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
            shown = shell.shows(error, os.environ["EVOLINK_API_KEY"])
            return f"{type(error).__name__} {shown or 'hidden'}"
    return "no error"


def main() -> None:
    """Try each way with each fault."""
    shell = Shell()
    certificate, tls = loopback_certificate(Path(tempfile.mkdtemp(dir=sys.argv[1])))
    with socket.socket() as deaf, socket.socket() as unused:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for listener in (deaf, unused):
            listener.bind(("127.0.0.1", 0))
        deaf.listen(len(WAYS))
        for way in WAYS:
            for name, reply in FAULTS.items():
                with FailingServer(reply) as server:
                    timeout = SHORT if reply is SILENCE else LONG
                    print(way.__name__, name, attempt(shell, way, server.url, timeout=timeout))
            with FailingServer(SILENCE, tls=tls) as server:
                print(way.__name__, "untrusted", attempt(shell, way, server.url))
                os.environ["REQUESTS_CA_BUNDLE"] = os.environ["SSL_CERT_FILE"] = str(certificate)
                print(way.__name__, "silence over https", attempt(shell, way, server.url, timeout=SHORT))
                del os.environ["REQUESTS_CA_BUNDLE"], os.environ["SSL_CERT_FILE"]
            for name, listener, size in (("refused", unused, 0), ("deaf", deaf, PADDING)):
                url = f"http://127.0.0.1:{listener.getsockname()[1]}"
                print(way.__name__, name, attempt(shell, way, url, size=size, timeout=SHORT))


if __name__ == "__main__":
    main()
