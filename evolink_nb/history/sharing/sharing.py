"""Shares readings between processes through the history, without ever waiting long for it.

The database is asked on separate threads, because a hard mount, or a host that is gone, may hang. If it
doesn't answer in time, each process reads for itself. SQLAlchemy is imported on those threads.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ... import runtime
from ...api.credentials import read_variable
from ...errors import EvoLinkError, HistoryError
from ...polling.sharing import Duty, SharedReadings, Turn, sharing
from ..current import current
from ..in_time import InTime
from ..storage.location import ACCOUNT_VARIABLE, KEY_LABEL_VARIABLE, Kind
from ..tables.records import Source

if TYPE_CHECKING:
    from ...api.client import EvoLinkClient
    from ...credits import Credits
    from ...polling.attempt import Outcome
    from ..storage.writer import Writer
    from .shared_readings import LeasedReadings

_LEASES = "evolink_nb.history.sharing.shared_readings"
DEADLINE = 1.5
"""Seconds that the database has to answer."""
OPENING = 4.0
"""Seconds that a team's server has to answer the first time, when SQLAlchemy is imported too."""


def share_readings() -> None:
    """Share readings with other processes from now on, if a history is kept that they can reach."""
    sharing.use(readings_of)


def readings_of(client: Any) -> SharedReadings | None:
    """Return the shared readings of a client's account; None if no other process can reach the history.

    Args:
        client: The client.
    """
    try:
        writer = current.writer()
    except EvoLinkError:  # the setting is wrong; code that asks for the history reports that
        return None
    if writer is None or writer.location.kind not in {Kind.FILE, Kind.SERVER}:
        return None
    if not hasattr(client, "fingerprint"):
        return None
    return HistoryReadings(source_of(client), writer)


def source_of(client: EvoLinkClient) -> Source:
    """Return a client's key as the history knows it.

    Args:
        client: The client.
    """
    return Source(
        client.identity,
        client.fingerprint,
        account=read_variable(ACCOUNT_VARIABLE),
        label=read_variable(KEY_LABEL_VARIABLE),
    )


class HistoryReadings:
    """The readings of one key, shared through the history; used on a reading loop's thread."""

    def __init__(self, source: Source, writer: Writer) -> None:
        """Start without opening anything.

        Args:
            source: The key.
            writer: The writer to the database.
        """
        self._source = source
        self._writer = writer
        self._leased: LeasedReadings | None = None
        self._database = InTime("evolink-nb lease")
        runtime.forget_after_fork(self)

    def after_fork(self) -> None:
        """Forget the parent's lease in a forked child."""
        self._leased = None

    def turn(self, interval: float, last: Credits | None) -> Turn | None:
        """Return whose turn it is; None if the history doesn't answer in time.

        Args:
            interval: Seconds between two readings in this process.
            last: This process's newest reading.
        """
        is_late = threading.Event()

        def ask() -> Turn | None:
            turn = self._open().turn(interval, last)
            if is_late.is_set():
                # This process now reads for itself, and no other must wait for that.
                self._open().release()
            return turn

        turn = self._database.ask(ask, self._patience)
        if turn is None:
            is_late.set()
        return turn

    def publish(self, duty: Duty, outcome: Outcome, took: float) -> None:
        """Publish this process's outcome.

        Args:
            duty: This process's turn.
            outcome: The reading or the error.
            took: Seconds from its request to its outcome.
        """
        self._database.ask(lambda: self._open().publish(duty, outcome, took), self._patience)

    def release(self) -> None:
        """Let another process read from now on, if it was this one's turn."""
        leased = self._leased
        if leased is None or not leased.is_held:
            return
        try:
            self._database.ask(leased.release, self._patience)
        except RuntimeError:
            # No thread can be started while the interpreter exits, and nothing else needs this one then.
            with contextlib.suppress(HistoryError):
                leased.release()

    @property
    def _patience(self) -> float:
        if _LEASES in sys.modules:
            return DEADLINE
        # 200 students who start at once must not send 200 requests. With a file, don't wait for the imports.
        return OPENING if self._writer.location.kind is Kind.SERVER else 0.0

    def _open(self) -> LeasedReadings:
        if self._leased is None:
            module = import_module(_LEASES)
            self._leased = module.LeasedReadings(self._source, self._writer.store())
        return self._leased
