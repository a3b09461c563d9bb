"""The simulated API on loopback, and the one server that a process may start for itself."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections import Counter
from typing import TYPE_CHECKING, Self, Unpack

from .account import SEED, Account
from .api import FAULT_ROUTE, Api, route_of
from .connection import HOST, THREAD_NAME, Connections, Listener
from .faults import CREDITS_ROUTE, Fault, FaultFields, Refusal

if TYPE_CHECKING:
    from types import TracebackType

    from .messages import Request, Response
    from .request_log import SeenRequest


# More than 20 methods, because many short ones let tests control and watch a server.
class DemoServer:
    """The simulated EvoLink API over an account, on 127.0.0.1 only.

    Use it in a ``with`` statement, or call `start` and `stop`. A forked child's copy is stopped.

    Args:
        account: The account; by default a new one made from the seed.
        port: The port to listen on; 0 picks a free one.
        seed: Determines the account and its key, unless they are given.
        key: The API key that stands for the account's own key.
        marked: Whether responses are marked as simulated; if not, the account passes for a real one.

    Attributes:
        api: The API it serves.
        account: The simulated account.
        key: The API key that stands for the account's own key.
        faults: The faults that are switched on; `fault` and `clear_faults` change them.
    """

    def __init__(
        self,
        account: Account | None = None,
        *,
        port: int = 0,
        seed: int = SEED,
        key: str | None = None,
        marked: bool = True,
    ) -> None:
        self.api = Api(account, seed=seed, key=key, marked=marked)
        self.account = self.api.account
        self.key = self.api.key
        self.faults = self.api.faults
        self._given_port = port
        self._reset()

    def _reset(self) -> None:
        """Reset to a server that has never been started."""
        self._port = self._given_port
        self._lifecycle = threading.RLock()
        self._stopping = threading.Event()
        self._stopping.set()
        self._connections = Connections()
        self._listener: Listener | None = None
        # The refusal the listener currently obeys, and the timers that end refusals.
        self._refusal: Refusal | None = None
        self._reopeners: list[threading.Timer] = []

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
        """The base URL, without a trailing slash.

        Raises:
            RuntimeError: The server has not been started, so the port is not known yet.
        """
        if not self._port:
            raise RuntimeError("the demo server has not been started")
        return f"http://{HOST}:{self._port}"

    @property
    def requests_seen(self) -> Counter[str]:
        """The number of requests to each route, as ``{"/v1/credits": 3}``; ``unknown`` counts the rest."""
        return self.api.log.counts

    @property
    def requests(self) -> tuple[SeenRequest, ...]:
        """The latest requests, oldest first."""
        return self.api.log.latest

    def key_of(self, name: str) -> str:
        """Return the API key that stands for one of the account's keys."""
        return self.api.key_of(name)

    def start(self) -> Self:
        """Accept connections, on the same port as last time if there was one.

        Raises:
            OSError: The port is taken.
        """
        with self._lifecycle:
            self._stopping.clear()
            self.faults.end(self.faults.refusal)
            self._follow_refusal()
            self._open()
        _servers.add(self)
        return self

    def stop(self) -> None:
        """Close every connection and end every thread; harmless if already stopped."""
        with self._lifecycle:
            self._stopping.set()
            self._cancel_reopening()
            ending: list[threading.Thread] = [*self._close(), *self._reopeners]
        # Outside the lock: a thread may need it in order to end.
        for thread in ending:
            if thread is not threading.current_thread():
                thread.join()

    def forget_after_fork(self) -> None:
        """Reset to a server that has never been started, in a child forked while it ran."""
        # The parent's threads don't exist here, and its locks may be held. Closing a socket here leaves the
        # parent's open; shutting a connection down would end the parent's too.
        if self._listener is not None:
            self._listener.server_close()
        self._connections.abandon()
        self.api.forget_after_fork()
        self._reset()

    def fault(self, **fields: Unpack[FaultFields]) -> None:
        """Switch on a fault, described by the fields of `Fault`.

        Raises:
            InvalidFaultError: A field has a value that can't be produced.
        """
        self.switch_on(Fault(**fields))

    def switch_on(self, fault: Fault) -> None:
        """Switch on a fault."""
        with self._lifecycle:
            self.faults.switch_on(fault)
            self._follow_refusal()

    def clear_faults(self) -> None:
        """Switch off every fault, and accept connections again if they were refused."""
        with self._lifecycle:
            self.faults.clear()
            self._follow_refusal()

    def wait_for_requests(self, count: int, *, path: str = CREDITS_ROUTE, timeout: float = 60.0) -> None:
        """Wait until a route has had a total number of requests.

        Args:
            count: The number of requests.
            path: The route.
            timeout: The longest time to wait, in seconds.

        Raises:
            TimeoutError: It has had fewer by then.
        """
        self.api.log.wait_for(path, count, timeout)

    def respond(self, request: Request) -> Response:
        """Return the response to a request, after waiting if it is meant to be late.

        Raises:
            ConnectionAbortedError: The server stopped meanwhile.
        """
        fault = self.api.admit(request)
        latency = self.api.latency_of(request, fault)
        if latency:
            self.pause(latency)
        if route_of(request.target)[0] != FAULT_ROUTE:
            return self.api.respond(request, fault)
        with self._lifecycle:
            # On the requesting thread, so that its own connection is the one that isn't cut.
            response = self.api.respond(request, fault)
            self._follow_refusal()
            return response

    def pause(self, seconds: float) -> None:
        """Wait, but only while the server runs.

        Raises:
            ConnectionAbortedError: The server stopped meanwhile.
        """
        if self._stopping.wait(seconds):
            raise ConnectionAbortedError("the demo server is stopping")

    def _open(self) -> None:
        if self._listener is None:
            self._listener = Listener(self, self._connections, self._port)
            self._port = self._listener.server_address[1]

    def _close(self) -> list[threading.Thread]:
        """Stop accepting and cut open connections; return the threads that are ending."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        # A client that requests this over HTTP still gets a response.
        return self._connections.cut()

    def _follow_refusal(self) -> None:
        """Start or stop listening, depending on the faults."""
        refusal = self.faults.refusal
        if refusal is self._refusal:
            return
        self._refusal = refusal
        self._cancel_reopening()
        if self._stopping.is_set():
            return
        if refusal is None:
            self._open()
            return
        self._close()
        if refusal.seconds is not None:
            reopener = threading.Timer(refusal.seconds, self._end_refusal, (refusal,))
            reopener.name = f"{THREAD_NAME}-reopener"
            reopener.daemon = True
            reopener.start()
            self._reopeners.append(reopener)

    def _end_refusal(self, refusal: Refusal) -> None:
        with self._lifecycle:
            self.faults.end(refusal)
            self._follow_refusal()

    def _cancel_reopening(self) -> None:
        # A cancelled one takes a moment to end, and stopping the server waits for it.
        self._reopeners = [reopener for reopener in self._reopeners if reopener.is_alive()]
        for reopener in self._reopeners:
            reopener.cancel()


class _Servers:
    """The servers of this process: its own one, and all that a forked child must forget."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started: weakref.WeakSet[DemoServer] = weakref.WeakSet()
        self._own: DemoServer | None = None

    def add(self, server: DemoServer) -> None:
        """Register a server that was started."""
        self._started.add(server)

    def running(self, seed: int) -> DemoServer:
        """Return the process's own server, starting it if needed."""
        with self._lock:
            if self._own is None:
                self._own = DemoServer(seed=seed).start()
                atexit.register(stop_running)
            return self._own

    def stop(self) -> None:
        """Stop the process's own server, if any."""
        with self._lock:
            atexit.unregister(stop_running)
            own, self._own = self._own, None
            if own is not None:
                own.stop()

    def forget_after_fork(self) -> None:
        """Start a forked child without a server: threads, locks and sockets are its parent's."""
        self._lock = threading.Lock()
        self._own = None
        for server in self._started:
            server.forget_after_fork()
        self._started.clear()


_servers = _Servers()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_servers.forget_after_fork)


def running(seed: int = SEED) -> DemoServer:
    """Return this process's demo server, started on the first call; only that call's seed counts."""
    return _servers.running(seed)


def stop_running() -> None:
    """Stop this process's demo server, if any; the next `running` starts a new one."""
    _servers.stop()
