"""A server that charges when a call arrives and answers later: a call cut short is paid for and lost."""

from __future__ import annotations

import gzip
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from evolink_nb.api.client import EvoLinkClient
from evolink_nb.demo import Account
from evolink_nb.demo.messages import json_response
from tests.support.failing_server import IMPATIENT, KEY

if TYPE_CHECKING:
    from decimal import Decimal


class PaidServer:
    """An account of which each call takes 1 credit at once, to be answered after ``delay`` seconds.

    Attributes:
        delay: Seconds from the charge to the answer.
        receipts: Whether answers say what was reserved.
        account: The account.
        charged: The number of calls charged for.
        paths: The paths of the calls, in the order they came.
    """

    def __init__(self, *, delay: float = 0.0, receipts: bool = True) -> None:
        self.delay = delay
        self.receipts = receipts
        self.account = Account(settle_after=(0.0, 0.0), shortfall_rate=0, failure_rate=0)
        self.charged = 0
        self.paths: list[str] = []
        self.encoding = ""
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def client(self) -> EvoLinkClient:
        """Return a client of this server; the caller closes it."""
        return EvoLinkClient(KEY, base_url=self.url, timing=IMPATIENT)

    def charge(self, path: str, price: Decimal | int = 1) -> dict[str, Any]:
        """Charge for a call, and return the answer to it."""
        with self._lock:
            self.charged += 1
            self.paths.append(path)
            number = self.charged
        self.account.spend(price)
        usage: dict[str, Any] = {"credits_reserved": price} if self.receipts else {}
        if "chat" in path:
            message = {"role": "assistant", "content": str(number)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage |= {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            return {
                "id": str(number),
                "object": "chat.completion",
                "created": 1,
                "model": "m",
                "choices": [choice],
                "usage": usage,
            }
        return {"id": f"task-{number}", "status": "pending", "usage": usage}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    """Takes as many connections at once as a test opens."""

    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A call that is stopped closes its connection before it is answered.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler(server: PaidServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/v1/credits":
                self._answer({"data": server.account.balance(), "message": "", "success": True})
            else:
                self._answer({"id": self.path.rpartition("/")[2], "status": "completed"})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.path.startswith("/moved"):
                self.send_response(307)
                self.send_header("location", "/v1/images/generations")
                self.send_header("content-length", "0")
                self.end_headers()
            elif self.path.startswith("/refused"):
                self._answer({"usage": {"credits_reserved": 5}}, status=402)
            else:
                answer = server.charge(self.path)
                time.sleep(server.delay)
                self._events() if self.path.startswith("/events") else self._answer(answer)

        def _answer(self, content: dict[str, Any], status: int = 200) -> None:
            body = json_response(content).body
            self.send_response(status)
            self.send_header("content-type", "application/json")
            if server.encoding == "gzip":
                body = gzip.compress(body)
                self.send_header("content-encoding", "gzip")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _events(self) -> None:
            """Stream an event, then nothing until the client has closed the connection."""
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(b"data: " + json.dumps({"usage": {"credits_reserved": 1}}).encode() + b"\n\n")
            self.wfile.flush()
            self.close_connection = True
            self.connection.recv(1)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    return Handler
