"""Settles what was measured: one thread an account reads on for all of it until each is sure of its cost."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
import weakref
from functools import partial
from typing import TYPE_CHECKING, Protocol

from .. import errors

if TYPE_CHECKING:
    from ..credits import Credits
    from ..polling.fetcher import CreditsFetcher

log = logging.getLogger(__name__)

_lock = threading.Lock()


class Settling(Protocol):
    """What wants readings until it is sure."""

    @property
    def due_at(self) -> float:
        """When it wants the next, in seconds of the monotonic clock; 0 when it wants none any more."""

    @property
    def is_unread(self) -> bool:
        """Whether it has had none yet: then any is welcome."""

    def take(self, reading: Credits | None) -> bool:
        """Take one, None where it failed, and tell whether that was the last."""

    def finish(self) -> None:
        """Learn that it was the last."""


class Settler:
    """The thread that settles all work of one account: a reading serves all that wants one."""

    def __init__(self, fetcher: CreditsFetcher) -> None:
        """Read with ``fetcher``; the thread lives while there is something to settle."""
        self._fetcher = fetcher
        self._settling: list[Settling] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @classmethod
    def of(cls, fetcher: CreditsFetcher) -> Settler:
        """Give the one of this fetcher."""
        with _lock:
            return _settlers.setdefault(fetcher, cls(fetcher))

    def take_on(self, settling: Settling) -> None:
        """Settle this too."""
        with self._changed:
            self._settling.append(settling)
            self._changed.notify_all()
            if self._thread is None:
                run = partial(contextvars.copy_context().run, self._run)
                self._thread = threading.Thread(target=run, name="evolink-nb-settle", daemon=True)
                self._thread.start()

    def wake(self) -> None:
        """Look again at what is due."""
        with self._changed:
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._settling:
                    self._thread = None
                    return
                soonest = min(each.due_at for each in self._settling) - time.monotonic()
                if soonest > 0:
                    self._changed.wait(soonest)
                    continue
                due = [each for each in self._settling if each.is_unread or each.due_at <= time.monotonic()]
            self._serve(due)

    def _serve(self, due: list[Settling]) -> None:
        reading = None if all(each.due_at == 0.0 for each in due) else read(self._fetcher)
        for each in due:
            # A flaw in keeping or showing one cost must not end the settling of the others.
            try:
                done = each.take(reading)
            except Exception:
                log.exception("A cost could not be settled.")
                done = True
            if done:
                with self._changed:
                    self._settling.remove(each)
                try:
                    each.finish()
                except Exception:
                    log.exception("A settled cost could not be shown.")


_settlers: weakref.WeakKeyDictionary[CreditsFetcher, Settler] = weakref.WeakKeyDictionary()


def read(fetcher: CreditsFetcher) -> Credits | None:
    """Give a reading begun after this call, None where it fails."""
    try:
        return fetcher.read(join=False)
    except errors.EvoLinkError:
        return None
