"""The simulated API on loopback: one listener, a named thread a connection, nothing left after it stops."""

from __future__ import annotations

import hashlib
import itertools
import socketserver
import threading
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass
from socket import SHUT_RDWR, socket
from typing import TYPE_CHECKING, Any, Self, Unpack

from .account import OWN_KEY, SEED, Account
from .connection import Connection
from .faults import CREDITS_PATH, Fault, FaultFields, Faults, InvalidFaultError
from .routes import ROUTES

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import Message
    from types import TracebackType

DEMO_KEY_PREFIX = "sk-evo-demo-"
"""How the key of every simulated account starts."""

HOST = "127.0.0.1"

_THREAD_NAME = "evolink-nb-demo"
_RECORDED_REQUESTS = 1000
# How long stopping may have to wait for the thread that accepts connections.
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class SeenRequest:
    """What is kept of a request: its headers by name only, so that no key is kept."""

    method: str
    path: str
    header_names: tuple[str, ...]
    user_agent: str | None


class Listener(socketserver.ThreadingTCPServer):
    """Accepts connections on loopback, and gives each a thread with a name."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, demo: DemoServer, port: int) -> None:
        self.demo = demo
        super().__init__((HOST, port), Connection)

    def process_request(self, request: Any, client_address: object) -> None:
        """Answer a connection on a thread of its own."""
        self.demo.open_connection(request, lambda: self.process_request_thread(request, client_address))

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        """Keep quiet: a connection that breaks is the client's affair."""


class DemoServer:
    """The simulated EvoLink API over an account, on 127.0.0.1 only.

    ``port`` 0 takes a free one. ``key`` is the account's own key; by default it follows from the seed.
    Use it in a ``with`` statement, or call `start` and `stop`.
    """

    def __init__(
        self, account: Account | None = None, *, port: int = 0, seed: int = SEED, key: str | None = None
    ) -> None:
        self.account = account or Account(seed=seed)
        self.key = key or _key_from(seed)
        self.faults = Faults()
        self._port = port
        self._lifecycle = threading.RLock()
        self._stopping = threading.Event()
        self._stopping.set()
        self._listener: Listener | None = None
        self._acceptor: threading.Thread | None = None
        self._reopener: threading.Timer | None = None
        self._connecting = threading.Lock()
        self._connections: dict[threading.Thread, socket] = {}
        self._numbers = itertools.count(1)
        self._request_numbers = itertools.count(1)
        self._seen: Counter[str] = Counter()
        self._requests: deque[SeenRequest] = deque(maxlen=_RECORDED_REQUESTS)
        self._arrival = threading.Condition()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<DemoServer on {HOST}:{self._port}>"

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end.

        Raises RuntimeError before the first start, when the port is not known yet.
        """
        if not self._port:
            raise RuntimeError("the demo server has not been started")
        return f"http://{HOST}:{self._port}"

    @property
    def requests_seen(self) -> Counter[str]:
        """How many requests each route has had, as ``{"/v1/credits": 3}``; ``unknown`` counts the rest."""
        with self._arrival:
            return self._seen.copy()

    @property
    def requests(self) -> tuple[SeenRequest, ...]:
        """The latest requests, oldest first."""
        with self._arrival:
            return tuple(self._requests)

    def start(self) -> Self:
        """Accept connections, on the port of the last time if there was one.

        Raises OSError if the port is taken.
        """
        with self._lifecycle:
            self._stopping.clear()
            self._open()
        return self

    def stop(self) -> None:
        """Close every connection and end every thread; stopping twice does no harm."""
        with self._lifecycle:
            self._stopping.set()
            ending = self._close() + self._cancel_reopening()
        # Outside the lock: a thread may be waiting for it on its way out.
        for thread in ending:
            thread.join()

    def key_of(self, name: str) -> str:
        """Give the API key that stands for one of the account's keys."""
        return self.key if name == OWN_KEY else f"{self.key}-{name}"

    def fault(self, **fields: Unpack[FaultFields]) -> None:
        """Switch on a fault, described by the fields of `Fault`.

        Raises InvalidFaultError.
        """
        self.switch_on(Fault(**fields))

    def switch_on(self, fault: Fault) -> None:
        """Switch on a fault.

        Raises InvalidFaultError if the API has no such path.
        """
        if fault.path not in ROUTES:
            raise InvalidFaultError(
                "path", f"must be one of {', '.join(path for path in ROUTES if path[1] == 'v')}"
            )
        if fault.connection != "refuse":
            self.faults.add(fault)
            return
        with self._lifecycle:
            self._cancel_reopening()
            self._close()
            if fault.seconds is not None and not self._stopping.is_set():
                self._reopener = threading.Timer(fault.seconds, self._reopen)
                self._reopener.name = f"{_THREAD_NAME}-reopener"
                self._reopener.daemon = True
                self._reopener.start()

    def clear_faults(self) -> None:
        """Switch every fault off, and accept connections again if they were refused."""
        self.faults.clear()
        with self._lifecycle:
            self._cancel_reopening()
            self._reopen()

    def wait_for_requests(self, count: int, *, path: str = CREDITS_PATH, timeout: float = 10.0) -> None:
        """Return once a route has had so many requests in all.

        Raises TimeoutError after ``timeout`` seconds.
        """
        with self._arrival:
            if not self._arrival.wait_for(lambda: self._seen[path] >= count, timeout):
                raise TimeoutError(f"{self._seen[path]} of {count} requests to {path} after {timeout} s")

    def record(self, method: str, route: str, headers: Message) -> None:
        """Count a request and keep what may be kept of it."""
        names = tuple(headers.keys())
        with self._arrival:
            self._seen[route] += 1
            self._requests.append(SeenRequest(method, route, names, headers.get("User-Agent")))
            self._arrival.notify_all()

    def next_request_id(self) -> str:
        """Give the id of the next response."""
        return f"demo-{next(self._request_numbers):08d}"

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the server's end.

        Raises ConnectionAbortedError if the server stops meanwhile.
        """
        if self._stopping.wait(seconds):
            raise ConnectionAbortedError("the demo server is stopping")

    def open_connection(self, connection: socket, answer: Callable[[], None]) -> None:
        """Run the answering of a connection on a thread of its own."""
        name = f"{_THREAD_NAME}-connection-{next(self._numbers)}"
        thread = threading.Thread(target=answer, name=name, daemon=True)
        with self._connecting:
            # A thread leaves the list only once it is gone: `stop` joins all that may still run.
            self._connections = {old: open_ for old, open_ in self._connections.items() if old.is_alive()}
            thread.start()
            self._connections[thread] = connection

    def _open(self) -> None:
        if self._listener is not None:
            return
        self._listener = Listener(self, self._port)
        self._port = self._listener.server_address[1]
        self._acceptor = threading.Thread(
            target=self._listener.serve_forever,
            args=(_POLL_SECONDS,),
            name=f"{_THREAD_NAME}-acceptor",
            daemon=True,
        )
        self._acceptor.start()

    def _close(self) -> list[threading.Thread]:
        """Accept nothing more and close what is open; give the threads that are about to end."""
        if self._listener is not None and self._acceptor is not None:
            self._listener.shutdown()
            self._acceptor.join()
            self._listener.server_close()
            self._listener = self._acceptor = None
        ending = []
        with self._connecting:
            for thread, connection in self._connections.items():
                # The one who asks for it over HTTP still gets an answer.
                if thread is not threading.current_thread():
                    ending.append(thread)
                    with suppress(OSError):  # closed already
                        connection.shutdown(SHUT_RDWR)
        return ending

    def _reopen(self) -> None:
        with self._lifecycle:
            if not self._stopping.is_set():
                self._open()

    def _cancel_reopening(self) -> list[threading.Thread]:
        if self._reopener is None:
            return []
        reopener, self._reopener = self._reopener, None
        reopener.cancel()
        return [] if reopener is threading.current_thread() else [reopener]


def _key_from(seed: int) -> str:
    digest = hashlib.sha256(f"evolink-nb-demo/{seed}".encode()).hexdigest()
    # The hyphens keep it from ever being taken for a real key.
    return DEMO_KEY_PREFIX + "-".join(digest[place : place + 8] for place in range(0, 32, 8))
