"""HTTP/1.1 on loopback: accepts connections, parses requests strictly, and answers each on a named thread."""

from __future__ import annotations

import itertools
import os
import re
import socket
import socketserver
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol

from .api import MAX_BODY, Api
from .messages import Request, Response, reason

HOST = "127.0.0.1"
THREAD_NAME = "evolink-nb-demo"

_MAX_LINE = 65536
_DRAIN_SECONDS = 2.0
_DRAINED_BYTES = 64 * 1024 * 1024
# The longest stopping may have to wait for the accepting thread.
_POLL_SECONDS = 0.05


class Host(Protocol):
    """The part of a server that a connection needs."""

    @property
    def api(self) -> Api:
        """The API it serves."""

    @property
    def url(self) -> str:
        """The base URL."""

    def respond(self, request: Request) -> Response:
        """Return the response to a request, after waiting if it is meant to be late."""

    def pause(self, seconds: float) -> None:
        """Wait; raise an `OSError` if the server stops meanwhile."""


class Connections:
    """The open connections and their threads, whichever listener accepted them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._numbers = itertools.count(1)

    def open(self, connection: socket.socket, answer: Callable[[], None]) -> None:
        """Answer a connection on its own thread."""
        name = f"{THREAD_NAME}-connection-{next(self._numbers)}"
        thread = threading.Thread(target=answer, name=name, daemon=True)
        with self._lock:
            # A thread is removed only after it has ended: stopping the server joins all that may still run.
            self._open = {old: its_own for old, its_own in self._open.items() if old.is_alive()}
            # Registered before it answers, so that a child forked from then on closes its copy.
            self._open[thread] = connection
            try:
                thread.start()
            except RuntimeError:  # no more threads can be started
                del self._open[thread]
                raise

    def cut(self) -> list[threading.Thread]:
        """Cut every connection except the calling thread's; return the threads that are ending."""
        ending = []
        with self._lock:
            for thread, connection in self._open.items():
                if thread is not threading.current_thread():
                    ending.append(thread)
                    with suppress(OSError):  # already closed
                        connection.shutdown(socket.SHUT_RDWR)
        return ending

    def abandon(self) -> None:
        """Close a forked child's copies of the connections, which stay open in its parent."""
        for connection in self._open.values():
            # `close` would wait for the file objects that the parent's threads have made from it.
            descriptor = connection.detach()
            if descriptor >= 0:
                os.close(descriptor)


class Listener(socketserver.ThreadingTCPServer):
    """Accepts connections on loopback until `close`.

    Args:
        host: The server that answers.
        connections: Keeps the accepted connections.
        port: The port to listen on; 0 picks a free one.

    Raises:
        OSError: The port is taken.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: Host, connections: Connections, port: int) -> None:
        self.host = host
        self._connections = connections
        super().__init__((HOST, port), Connection)
        self._acceptor = threading.Thread(
            target=self.serve_forever, args=(_POLL_SECONDS,), name=f"{THREAD_NAME}-acceptor", daemon=True
        )
        self._acceptor.start()

    def close(self) -> None:
        """Stop accepting connections; open ones stay open."""
        self.shutdown()
        self._acceptor.join()
        self.server_close()

    def process_request(self, request: Any, client_address: object) -> None:
        """Answer a connection on its own thread."""
        self._connections.open(request, lambda: self.process_request_thread(request, client_address))

    def handle_error(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Do nothing: a broken connection is the client's concern."""


class Connection(BaseHTTPRequestHandler):
    """Answers the requests of one connection in turn, until either side closes it."""

    protocol_version = "HTTP/1.1"
    # With Nagle's algorithm a response can wait 40 ms for the acknowledgement of the previous one.
    disable_nagle_algorithm = True
    server: Listener

    def handle_one_request(self) -> None:
        """Read one request and answer it."""
        self.command, self.requestline, self.request_version = "", "", self.protocol_version
        try:
            self.raw_requestline = self.rfile.readline(_MAX_LINE + 1)
            if not self.raw_requestline:
                self.close_connection = True
            elif len(self.raw_requestline) > _MAX_LINE:
                self._refuse(414)
            elif self.parse_request():
                self._answer_request()
        except OSError:
            # The client has gone, or the server is stopping.
            self.close_connection = True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request that the standard library can't parse, in the envelope that all errors share."""
        del message, explain
        # The library's 501 and 505 would blame the server for what the client sent.
        self._refuse(code if code < 500 else 400)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Do nothing: the API records its requests itself."""

    def _answer_request(self) -> None:
        if self.request_version == "HTTP/0.9":
            return self._refuse(400)
        body = self._read_body()
        if body is None:
            return None
        host = self.server.host
        return self._send(
            host.respond(Request(self.command, self.path, tuple(self.headers.items()), body, host.url))
        )

    def _read_body(self) -> bytes | None:
        """Return the request's body, or None if the request was refused because of it."""
        if "Transfer-Encoding" in self.headers:
            self._refuse(411)
            return None
        lengths = set(self.headers.get_all("Content-Length", ["0"]))
        length = lengths.pop()
        if lengths or not re.fullmatch(r"[0-9]{1,18}", length):
            self._refuse(400)
            return None
        if int(length) > MAX_BODY:
            self._refuse(413)
            self._drain()
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        return body

    def _refuse(self, status: int) -> None:
        self.close_connection = True
        self._send(self.server.host.api.refuse(status))

    def _drain(self) -> None:
        # Closing with unread bytes resets the connection, and the client might never see the response.
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(_DRAIN_SECONDS)
        drained = 0
        while drained < _DRAINED_BYTES and (chunk := self.rfile.read1(65536)):
            drained += len(chunk)

    def _send(self, response: Response) -> None:
        delivery = response.delivery
        if delivery.connection is not None:
            return self._hang_up(reset=delivery.connection == "reset")
        if delivery.cut:
            self.close_connection = True
        head = self._head(response)
        body = b"" if self.command == "HEAD" else response.body
        if delivery.byte_interval:
            return self._drip(head, body, delivery.byte_interval)
        # One write for the whole response, so that it leaves in as few packets as possible.
        self.wfile.write(head + (body[: len(body) // 2] if delivery.cut else body))
        return None

    def _hang_up(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:
            # Lingering for zero seconds closes with RST instead of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _drip(self, head: bytes, body: bytes, interval: float) -> None:
        self.wfile.write(head)
        for place in range(len(body)):
            self.server.host.pause(interval)
            self.wfile.write(body[place : place + 1])

    def _head(self, response: Response) -> bytes:
        lines = [
            f"HTTP/1.1 {response.status} {reason(response.status)}",
            f"Date: {formatdate(usegmt=True)}",
            f"Content-Length: {len(response.body)}",
            f"Connection: {'close' if self.close_connection else 'keep-alive'}",
            *(f"{name}: {value}" for name, value in response.headers),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
