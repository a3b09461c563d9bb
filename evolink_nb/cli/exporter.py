"""``evolink-nb exporter``: a team's history as Prometheus metrics."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from ..errors import ConfigurationError, HistoryError
from ..history import looking_back
from ..history.current import current
from ..periods import Per, period_at
from ..runtime import Loop
from . import output
from .endings import when_ended
from .exit_codes import OK

if TYPE_CHECKING:
    from types import FrameType

    from ..history.queries.snapshot import Snapshot

READ_TIMEOUT = 20.0
"""Seconds that reading the history may take; scrapes don't wait for it."""


class Readings:
    """Keeps the latest snapshot of the history, read periodically in the background."""

    def __init__(self, every: float, budgets: tuple[tuple[Per, float], ...]) -> None:
        """Start without a snapshot.

        Args:
            every: Seconds between two readings of the history.
            budgets: The budgets; a snapshot has the spending in the current period of each.
        """
        self._every = every
        self._budgets = budgets
        self._lock = threading.Lock()
        self._latest: Snapshot | None = None
        self._ahead = timedelta(0)
        self._is_up = False
        self._problem = ""
        self._loop = Loop(self._step, name="evolink-exporter")

    @property
    def latest(self) -> Snapshot | None:
        """The latest snapshot; None before the first."""
        with self._lock:
            return self._latest

    @property
    def is_up(self) -> bool:
        """Whether the last attempt to read the history succeeded."""
        return self._is_up

    def now(self) -> datetime:
        """Return the time by the database's clock."""
        return datetime.now(UTC) + self._ahead

    def start(self) -> None:
        """Start reading."""
        self._loop.start()

    def stop(self) -> None:
        """Stop reading."""
        self._loop.stop(2.0)

    def _step(self) -> float:
        began = time.monotonic()
        try:
            taken = self._read()
        except HistoryError as error:
            self._is_up = False
            if error.message != self._problem:
                output.complain(error.in_shell())
            self._problem = error.message
        else:
            with self._lock:
                self._latest, self._ahead = taken, taken.taken_at - datetime.now(UTC)
            self._is_up, self._problem = True, ""
        return began + self._every

    def _read(self) -> Snapshot:
        # Imported on use: it imports SQLAlchemy.
        snapshots: Any = import_module("evolink_nb.history.queries.snapshot")
        now = self.now()
        since = tuple(period_at(now, per, None).start for per, _ in self._budgets)
        taken: Snapshot = looking_back.read(
            lambda connection: snapshots.snapshot(connection, since), timeout=READ_TIMEOUT
        )
        return taken


class _Ended(BaseException):
    """Ends the server; raised by a signal handler."""


class _Server(ThreadingMixIn, WSGIServer):
    """Answers several scrapes at once, and ends without waiting for any."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Don't log scrapes."""


def export(*, host: str, port: int, every: float, budgets: list[tuple[Decimal, str]]) -> int:
    """Serve metrics until interrupted.

    Args:
        host: The address to listen on.
        port: The port.
        every: Seconds between two readings of the history.
        budgets: Budgets of each key: credits, and "day", "week" or "month".

    Returns:
        The exit code, `OK`.

    Raises:
        ConfigurationError: prometheus_client is not installed, or the address can't be used.
        HistoryError: No history is kept.
    """
    try:
        metrics: Any = import_module("evolink_nb.cli.metrics")
        client: Any = import_module("prometheus_client")
    except ImportError:
        raise ConfigurationError(
            "The exporter needs prometheus_client.", hint="Run pip install 'evolink-nb[exporter]'."
        ) from None
    current.required_writer()
    limits = tuple((Per(per), float(amount)) for amount, per in budgets)
    readings = Readings(every, limits)
    registry = client.CollectorRegistry(auto_describe=False)
    registry.register(
        metrics.HistoryCollector(lambda: readings.latest, lambda: readings.is_up, limits, now=readings.now)
    )
    try:
        server = make_server(
            host, port, client.make_wsgi_app(registry), server_class=_Server, handler_class=_Quiet
        )
    except OSError as error:
        raise ConfigurationError(
            f"Can't listen on {host}:{port}: {error.strerror}.", hint="Choose another --port."
        ) from None
    _serve(server, readings, f"http://{host}:{server.server_port}/metrics")
    return OK


def _serve(server: WSGIServer, readings: Readings, url: str) -> None:
    def end(_number: int, _frame: FrameType | None) -> None:
        raise _Ended

    try:
        with when_ended(end):
            readings.start()
            output.say(f"Metrics of the history: {url}")
            server.serve_forever()
    except _Ended:
        pass
    finally:
        readings.stop()
        server.server_close()
