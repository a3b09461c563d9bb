"""One connection to the simulated API: HTTP/1.1 read with care, answers and faults written."""

from __future__ import annotations

import re
import socket
import struct
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

from .answers import DEMO_HEADER, DEMO_HEADER_VALUE, Answer, error_answer, reason
from .faults import DRIP_SECONDS, HUGE_BODY, Fault
from .routes import respond, route_of

if TYPE_CHECKING:
    from .server import Listener

LARGEST_BODY = 1024 * 1024
"""Bytes of a request's body that are read; more is refused with 413."""

_LONGEST_LINE = 65536
_DRAIN_SECONDS = 2.0
_DRAINED_BYTES = 64 * 1024 * 1024


class Connection(BaseHTTPRequestHandler):
    """Answers the requests of one connection, one after the other, until either side closes it."""

    protocol_version = "HTTP/1.1"
    # With Nagle's algorithm an answer can wait 40 ms for the acknowledgement of the one before it.
    disable_nagle_algorithm = True
    server: Listener

    def handle_one_request(self) -> None:
        """Read one request and answer it."""
        self.command, self.requestline, self.request_version = "", "", self.protocol_version
        try:
            self.raw_requestline = self.rfile.readline(_LONGEST_LINE + 1)
            if not self.raw_requestline:
                self.close_connection = True
            elif len(self.raw_requestline) > _LONGEST_LINE:
                self._refuse(414)
            elif self.parse_request():
                self._answer_request()
        except OSError:
            # The other side went away, or the server is stopping.
            self.close_connection = True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what the standard library cannot parse, in the envelope all errors share."""
        del message, explain
        # Its 501 and 505 blame the server for what the client sent.
        self._refuse(code if code < 500 else 400)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Keep quiet: the server records its requests itself."""

    def _answer_request(self) -> None:
        if self.request_version == "HTTP/0.9":
            return self._refuse(400)
        body = self._read_body()
        if body is None:
            return None
        demo = self.server.demo
        route, _ = route_of(self.path)
        demo.record(self.command, route, self.headers)
        fault = demo.faults.take(route)
        if fault is not None and fault.latency:
            demo.pause(fault.latency)
        if fault is not None and fault.connection:
            return self._hang_up(reset=fault.connection == "reset")
        answer = respond(demo, self.command, self.path, self.headers.get("Authorization"), body)
        if fault is None:
            return self._send(answer)
        return self._send_spoiled(fault.spoil(answer), fault)

    def _read_body(self) -> bytes | None:
        """Give the request's body, or None if the request was refused for it."""
        if "Transfer-Encoding" in self.headers:
            self._refuse(411)
            return None
        lengths = set(self.headers.get_all("Content-Length", ["0"]))
        length = lengths.pop()
        if lengths or not re.fullmatch(r"[0-9]{1,18}", length):
            self._refuse(400)
            return None
        if int(length) > LARGEST_BODY:
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
        self._send(error_answer(status))

    def _drain(self) -> None:
        # Closing with bytes unread resets the connection, and the client may then never see the answer.
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(_DRAIN_SECONDS)
        drained = 0
        while drained < _DRAINED_BYTES and (chunk := self.rfile.read1(65536)):
            drained += len(chunk)

    def _hang_up(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:
            # To linger for zero seconds is to close with RST in place of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _send(self, answer: Answer) -> None:
        # One write for the whole response, so that it leaves in as few packets as it can.
        self.wfile.write(self._head(answer, len(answer.body)) + self._visible(answer.body))

    def _send_spoiled(self, answer: Answer, fault: Fault) -> None:
        if fault.body == "cut":
            self.close_connection = True
            whole = self._head(answer, len(answer.body))
            self.wfile.write(whole + self._visible(answer.body[: len(answer.body) // 2]))
        elif fault.body == "slow":
            self._drip(answer)
        elif fault.body == "huge":
            self._send(replace(answer, body=answer.body + b" " * HUGE_BODY))
        else:
            self._send(answer)

    def _drip(self, answer: Answer) -> None:
        self.wfile.write(self._head(answer, len(answer.body)))
        for place in range(len(self._visible(answer.body))):
            self.server.demo.pause(DRIP_SECONDS)
            self.wfile.write(answer.body[place : place + 1])

    def _visible(self, body: bytes) -> bytes:
        return b"" if self.command == "HEAD" else body

    def _head(self, answer: Answer, length: int) -> bytes:
        lines = [
            f"HTTP/1.1 {answer.status} {reason(answer.status)}",
            f"Date: {formatdate(usegmt=True)}",
            f"Content-Type: {answer.content_type}",
            f"Content-Length: {length}",
            "Cache-Control: no-store",
            f"Connection: {'close' if self.close_connection else 'keep-alive'}",
            f"{DEMO_HEADER}: {DEMO_HEADER_VALUE}",
            f"x-request-id: {self.server.demo.next_request_id()}",
            *(f"{name}: {value}" for name, value in answer.headers),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
