"""One request for all processes that read a key: each looks up in the history whose turn it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import runtime
from ...credits import Credits
from ...errors import APIStatusError
from ...polling.sharing import Duty, News, Turn, Wait
from .holders import is_gone, new_holder
from .leases import Lease, find_lease, publish, release, take_lease

if TYPE_CHECKING:
    from ...polling.attempt import Outcome
    from ..storage.store import Store
    from ..tables.records import Source

POLL = 0.25
"""Seconds between looks while another process's reading is due."""
JUST_AFTER = 0.1
"""Seconds between the moment when the holder begins to read and the next look for its reading."""
ON_TIME = 1.2
"""The oldest that another process's reading may be for this one to start with it, in intervals."""


class LeasedReadings:
    """The readings of one key, shared through a lease in the history; used on a reading loop's thread."""

    def __init__(self, source: Source, store: Store) -> None:
        """Start without asking anything.

        Args:
            source: The key.
            store: The database.
        """
        self._source = source
        self._store = store
        self._holder = ""
        self._term: int | None = None
        self._seen: tuple[int, int | None] = (0, None)
        self.after_fork()
        runtime.forget_after_fork(self)

    def after_fork(self) -> None:
        """Forget the parent's lease in a forked child."""
        self._holder = new_holder()
        self._term = None

    @property
    def is_held(self) -> bool:
        """Whether this process may hold the lease."""
        return self._term is not None

    def turn(self, interval: float, last: Credits | None) -> Turn | None:
        """Return whose turn it is; None if readings can't be shared here.

        Args:
            interval: Seconds between two readings in this process.
            last: This process's newest reading.

        Raises:
            HistoryError: The history can't be read or written.
        """
        store = self._store
        if store.is_network:
            return None
        every = round(interval * 1000)
        with store.begin(reads_only=True) as connection:
            fingerprint = store.keys.fingerprint_of(self._source)
            lease, now = find_lease(connection, fingerprint), store.now(connection)
        dead = lease.holder if lease is not None and is_gone(lease.holder) else ""
        if lease is not None and not dead and not lease.may_be_taken(self._holder, every=every, now=now):
            self._term = None
            return self._follow(lease, now, interval, last)
        with store.begin() as connection:
            now = store.now(connection)
            term = take_lease(connection, fingerprint, self._holder, every=every, now=now, dead=dead)
            if term is None:
                lease = find_lease(connection, fingerprint)
        self._term = term
        if term is not None:
            return Duty(term)
        return None if lease is None else self._follow(lease, now, interval, last)

    def _follow(self, lease: Lease, now: int, interval: float, last: Credits | None) -> Turn:
        """Return the holder's newest outcome, or how long to wait for it."""
        news = (lease.term, lease.read_at)
        if lease.read_at is None or lease.outcome is None:
            return Wait(POLL)
        age = max(now - lease.read_at, 0) / 1000
        if news == self._seen:
            due_in = (lease.every - lease.took) / 1000 - age
            return Wait(min(max(due_in + JUST_AFTER, POLL), interval))
        if last is None and age > interval * ON_TIME:
            return Wait(POLL)
        self._seen = news
        if isinstance(lease.outcome, APIStatusError) and lease.outcome.retry_after is not None:
            lease.outcome.retry_after = max(lease.outcome.retry_after - age, 0.0)
        return News(lease.outcome, age, lease.took / 1000)

    def publish(self, duty: Duty, outcome: Outcome, took: float) -> None:
        """Publish this process's outcome; if it failed in a way that others might not, let another try.

        Args:
            duty: This process's turn.
            outcome: The reading or the error.
            took: Seconds from its request to its outcome.

        Raises:
            HistoryError: It can't be published.
        """
        if not isinstance(outcome, Credits | APIStatusError):
            self._release(duty.term)
            return
        store = self._store
        with store.begin() as connection:
            fingerprint, now = store.keys.fingerprint_of(self._source), store.now(connection)
            publish(connection, fingerprint, duty.term, outcome, now=now, took=round(took * 1000))
        if isinstance(outcome, APIStatusError) and outcome.retry_after:
            # The lease lasts until EvoLink may be asked again; any process may take it then.
            self._term = None

    def release(self) -> None:
        """Let another process read from now on.

        Raises:
            HistoryError: The lease can't be released, so it has to expire.
        """
        term, self._term = self._term, None
        if term is not None:
            self._release(term)

    def _release(self, term: int) -> None:
        store = self._store
        with store.begin() as connection:
            release(connection, store.keys.fingerprint_of(self._source), term)
