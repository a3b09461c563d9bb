"""Stops raised where Python swallows exceptions and only prints them: they must be sent again.

It does so in finalizers, in the callbacks of weak references and of the garbage collector, and in callbacks
from C. Python reports each exception it swallows to ``sys.unraisablehook``. Ours is installed while a budget
may interrupt work; the previous one gets all that isn't a stop, and is restored afterwards.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from types import CodeType
from typing import Any

from ... import runtime

Hook = Callable[["sys.UnraisableHookArgs"], object]


class SwallowedStops:
    """The hook that hears of swallowed stops, installed while anyone may send one."""

    def __init__(self) -> None:
        """Start without senders; nothing is installed."""
        # Reentrant: a garbage collection while it is held may swallow an exception.
        self._lock = threading.RLock()
        self._senders: set[int] = set()
        self._before: Hook | None = None
        runtime.forget_after_fork(self)

    def after_fork(self) -> None:
        """Forget the parent's senders; the child's first `remove` restores the hook."""
        self._lock = threading.RLock()
        self._senders = set()

    def add(self, sender: object) -> None:
        """Listen for swallowed stops until `remove`.

        Args:
            sender: Who may send a stop.
        """
        with self._lock:
            self._senders.add(id(sender))
            if self._before is None:
                self._before, sys.unraisablehook = sys.unraisablehook, self._hear

    def remove(self, sender: object) -> None:
        """Stop listening, unless there is another sender; do nothing if it wasn't added.

        Args:
            sender: Who no longer sends a stop.
        """
        with self._lock:
            self._senders.discard(id(sender))
            if self._senders or self._before is None:
                return
            if sys.unraisablehook == self._hear:  # otherwise keep the hook that the work has set
                sys.unraisablehook = self._before
                self._before = None

    def _hear(self, unraisable: sys.UnraisableHookArgs) -> None:
        on_swallowed = getattr(unraisable.exc_value, "on_swallowed", None)
        if on_swallowed is not None:
            on_swallowed()
        else:
            (self._before or sys.__unraisablehook__)(unraisable)


def _callback_of(kind: Callable[[], Any]) -> CodeType | None:
    """Return the code that a weak collection of the standard library runs when an item is gone."""
    return getattr(getattr(kind(), "_remove", None), "__code__", None)


CALLBACKS = frozenset(
    (
        SwallowedStops._hear.__code__,
        weakref.finalize.__call__.__code__,
        *map(_callback_of, (weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary)),
    )
)
"""The code of known callbacks whose exceptions Python swallows. No stop is raised in them."""

swallowed_stops = SwallowedStops()
"""The stops of this process."""
