"""A server that answers with the very bytes it is told to, however bad, and keeps what it was asked."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import socket
import ssl
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, Self

import pytest

from evolink_nb.api.client import EvoLinkClient, Timing
from evolink_nb.errors import EvoLinkError

KEY = "sk-test-f41l-1ng-k3y-9x7w"
"""The key that clients of these servers send, and that must turn up nowhere else."""

IMPATIENT = Timing(retry_delays=(0.0, 0.0))
"""For clients that try again at once, so that tests need not wait for it."""

READING: dict[str, Any] = {
    "data": {
        "token": {"remaining_credits": 99416.4429, "used_credits": 583.5571, "unlimited_credits": False},
        "user": {"remaining_credits": 1095.3996, "used_credits": 135.9048},
    },
    "message": "",
    "success": True,
}
"""The documented example of a 200."""


def response(
    body: bytes | str | dict[str, Any] = b"",
    status: str = "200 OK",
    length: int | None = None,
    **headers: str,
) -> bytes:
    """Return an HTTP response as it goes over the wire; ``length`` may lie, ``x_y`` stands for ``x-y``."""
    content = (
        body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    )
    named = {
        "content-type": "application/json",
        "content-length": str(len(content) if length is None else length),
    }
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


@dataclass(frozen=True)
class Reply:
    """What is sent for one request: ``at_once``, ``flood`` MB of zeros, ``dripping`` every ``pause`` seconds.

    With ``hang_up`` the connection is closed afterwards, with ``reset`` it is cut off, else it waits for the
    next request. With ``early`` none of this waits for a request, with ``hasty`` only for
    its first byte.
    """

    at_once: bytes = b""
    flood: int = 0
    dripping: bytes = b""
    pause: float = 0.02
    hang_up: bool = False
    reset: bool = False
    early: bool = False
    hasty: bool = False


GOOD = Reply(response(READING))
SILENCE = Reply()


class FailingServer:
    """Answers each request with the next of ``replies``, and with the last of them from then on.

    ``heads`` are the requests as they came, ``connections`` counts those accepted, ``open`` those not
    closed yet. With ``tls`` it speaks https.
    """

    def __init__(self, *replies: Reply, tls: ssl.SSLContext | None = None) -> None:
        self.replies = list(replies)
        self.tls = tls
        self.heads: list[str] = []
        self.connections = 0
        self.open = 0
        self.changed = threading.Condition()
        self.stopping = threading.Event()
        self.sockets: list[socket.socket] = []
        self._listener = _Listener(self)
        self.port: int = self._listener.server_address[1]
        self._acceptor = threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def client(self, timeout: float = 10.0, timing: Timing = IMPATIENT) -> EvoLinkClient:
        """Return a client of this server; the caller closes it."""
        return EvoLinkClient(KEY, base_url=self.url, timeout=timeout, timing=timing)

    def header(self, name: str) -> list[str]:
        """Return the values of a header in the requests that came."""
        lines = [line for head in self.heads for line in head.splitlines()]
        return [line.partition(": ")[2] for line in lines if line.lower().startswith(f"{name.lower()}: ")]

    def early_reply(self) -> Reply | None:
        """Return the next reply, if it waits for no request."""
        with self.changed:
            return self._take() if self.replies[0].early or self.replies[0].hasty else None

    def next_reply(self, head: bytes) -> Reply:
        """Record a request and return the reply to it."""
        with self.changed:
            self.heads.append(head.decode("latin-1"))
            self.changed.notify_all()
            return self._take()

    def _take(self) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def wait_for_requests(self, count: int) -> None:
        """Return once so many requests have come in all."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.heads) >= count, 60), f"{len(self.heads)} requests"

    def wait_until_all_closed(self) -> None:
        """Return once no connection is open any more."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.open == 0, 60), f"{self.open} connections are open"

    def opened(self, connection: socket.socket) -> None:
        """Count a connection."""
        with self.changed:
            self.connections += 1
            self.open += 1
            self.sockets.append(connection)

    def closed(self) -> None:
        """Count a connection that is no more."""
        with self.changed:
            self.open -= 1
            self.changed.notify_all()

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stopping.set()
        self._listener.shutdown()
        self._acceptor.join()
        for connection in self.sockets:
            with suppress(OSError):  # closed already
                connection.shutdown(socket.SHUT_RDWR)
        self._listener.server_close()


def failure_of(reader: EvoLinkClient) -> EvoLinkError:
    """Return the error that a read raises."""
    with pytest.raises(EvoLinkError) as caught:
        reader.get_credits()
    return caught.value


def loopback_certificate(
    folder: Path, address: str = "127.0.0.1", end: dt.datetime | None = None
) -> tuple[Path, ssl.SSLContext]:
    """Return a new certificate for an address, as the file to trust and as what a server shows.

    Args:
        folder: Where it is written.
        address: The address.
        end: Until when it is valid; by default tomorrow.
    """
    # The keyring's Linux backend brings it; nothing but this needs it.
    pytest.importorskip("cryptography")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback of the tests")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(days=2))
    builder = builder.not_valid_after(end or now + dt.timedelta(days=1)).add_extension(names, critical=False)
    folder.mkdir(exist_ok=True)
    certificate, private = folder / "certificate.pem", folder / "private.pem"
    certificate.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    return certificate, context


class _Listener(ThreadingTCPServer):
    # Closing waits for the connections' threads, so that none outlives its test.
    daemon_threads = False
    block_on_close = True

    def __init__(self, failing: FailingServer) -> None:
        self.failing = failing
        super().__init__(("127.0.0.1", 0), _Connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.failing.opened(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.failing.closed()

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet: a client that goes away is what is being tested."""


class _Connection(StreamRequestHandler):
    server: _Listener
    disable_nagle_algorithm = True

    def setup(self) -> None:
        if self.server.failing.tls is not None:
            self.request = self.server.failing.tls.wrap_socket(self.request, server_side=True)
            self.server.failing.sockets.append(self.request)
        super().setup()

    def handle(self) -> None:
        with suppress(OSError):
            while (reply := self._reply()) is not None:
                self.wfile.write(reply.at_once)
                for _ in range(reply.flood):
                    self.wfile.write(bytes(1 << 20))
                for place in range(len(reply.dripping)):
                    if self.server.failing.stopping.wait(reply.pause):
                        return
                    self.wfile.write(reply.dripping[place : place + 1])
                if reply.reset:
                    self._cut_off()
                if reply.hang_up or reply.reset:
                    return

    def _reply(self) -> Reply | None:
        """Return what to answer; None once no request comes any more."""
        early = self.server.failing.early_reply()
        if early is not None:
            if early.hasty:
                self.connection.recv(1, socket.MSG_PEEK)
            return early
        head = self._read_head()
        return self.server.failing.next_reply(head) if head else None

    def _cut_off(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.rfile.close()
        self.connection.close()

    def _read_head(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in {b"\r\n", b""}:
            lines.append(line)
        return b"".join(lines)

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        # The listener closes the socket it accepted; under TLS, the one to close is another.
        self.request.close()
