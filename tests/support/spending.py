"""Work that spends at each step, in all the ways in which work can wait."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer

EVERY = 0.2
"""Seconds between two readings of the budgets in tests."""


class Spending:
    """Work that spends 1 credit at each step, and what it did."""

    def __init__(self, server: DemoServer) -> None:
        self.server = server
        self.steps = 0

    def step(self) -> None:
        # Counted before: a stop may come as soon as it is spent.
        self.steps += 1
        self.server.account.spend(1)

    def in_a_sleep(self) -> None:
        for _ in range(5):
            self.step()
        time.sleep(60)

    def in_a_retry_loop(self) -> None:
        while True:
            try:
                self.step()
                time.sleep(0.01)
                self.fail()
            except Exception:  # noqa: BLE001, S112 - the point of this work
                continue

    def fail(self) -> None:
        raise ConnectionError

    def in_a_blocking_read(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent, requests.Session() as session:
            # It would import netrc first, and an import that is interrupted leaves its file open.
            session.trust_env = False
            # Spent once the request is on its way: a socket that is just being made would stay open too.
            threading.Thread(target=self.once_asked, args=[silent]).start()
            session.get(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=60)

    def once_asked(self, silent: socket.socket) -> None:
        connection, _ = silent.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(1)
            for _ in range(5):
                self.step()
            while connection.recv(65536):
                pass

    async def in_an_await(self) -> None:
        for _ in range(5):
            self.step()
        await asyncio.sleep(60)
