"""Guarded calls: the calls that an experiment makes with `client.auth`, recorded as they begin and end.

A call is known before it is sent, so it can still be refused. Its answer may say what it reserved, which no
reading does. Observers of `calls` are notified of each call.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from .. import runtime
from ..thread_time import own_wait

KEPT = 1_000
"""The number of recent calls kept."""


@dataclass(eq=False, slots=True)
class Call:
    """One guarded call.

    Attributes:
        identity: The `EvoLinkClient.identity` of the client whose `auth` it was made with.
        began_at: When it was about to be sent, in monotonic seconds.
        ended_at: When its answer arrived or it was given up, in monotonic seconds; None while under way.
        reserved: Credits its answer says it reserved (``usage.credits_reserved``); None if it says nothing.
        thread: The identifier of the thread it was made in.
        is_awaited: Whether a task of an event loop awaits its answer.
        is_refused: Whether it was refused and not sent.
    """

    identity: str
    began_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    reserved: Decimal | None = None
    thread: int = field(default_factory=threading.get_ident)
    is_awaited: bool = False
    is_refused: bool = False

    @property
    def is_under_way(self) -> bool:
        """Whether its answer may still come."""
        return self.ended_at is None


class CallObserver(Protocol):
    """Observes guarded calls, in the thread and context that make them."""

    def before_call(self, identity: str) -> Callable[[], None] | None:
        """Return a function, which may take long, to run before a call is decided on; None for nothing."""

    def call_begins(self, call: Call) -> None:
        """Handle a call that is about to be sent; raise to refuse it, so that nothing is sent."""

    def call_ended(self, call: Call) -> None:
        """Handle a call whose answer has arrived, or that was given up or refused."""


class Calls:
    """The guarded calls of this process; thread-safe."""

    def __init__(self) -> None:
        """Start without calls or observers."""
        # Reentrant: the garbage collector may end a call at any moment, even while this is held.
        self._lock = threading.RLock()
        self._observers: tuple[CallObserver, ...] = ()
        self._recent: deque[Call] = deque(maxlen=KEPT)
        self._abandoned: deque[Call] = deque()
        runtime.forget_after_fork(self)

    def after_fork(self) -> None:
        """Forget the parent's calls; called in a forked child."""
        self._lock = threading.RLock()
        self._recent = deque(maxlen=KEPT)
        self._abandoned = deque()

    def add_observer(self, observer: CallObserver) -> None:
        """Observe calls from now on; ignored if already observing."""
        with self._lock:
            if observer not in self._observers:
                self._observers = (*self._observers, observer)

    def remove_observer(self, observer: CallObserver) -> None:
        """Stop observing; ignored if not observing."""
        with self._lock:
            self._observers = tuple(each for each in self._observers if each is not observer)

    def prepare(self, identity: str) -> None:
        """Do what observers want done before a call, such as reading the balance.

        Args:
            identity: The client's identity.
        """
        for prepare in self._preparations(identity):
            prepare()

    async def prepare_async(self, identity: str) -> None:
        """Do the same as `prepare`, without blocking the event loop.

        Args:
            identity: The client's identity.
        """
        for prepare in self._preparations(identity):
            await runtime.run_async(prepare, name="evolink-nb-call")

    def _preparations(self, identity: str) -> list[Callable[[], None]]:
        wanted = (observer.before_call(identity) for observer in self._observers)
        return [each for each in wanted if each is not None]

    def begin(self, identity: str) -> Call:
        """Record that a call is about to be sent.

        Args:
            identity: The client's identity.

        Returns:
            The call; pass it to `end`.

        Raises:
            BaseException: An observer refused the call, such as with `BudgetExceeded`: send nothing.
        """
        self._end_abandoned()
        call = Call(identity)
        # Added before it is decided on, so that a measurement beginning meanwhile finds it here.
        with self._lock:
            self._recent.append(call)
        try:
            for observer in self._observers:
                observer.call_begins(call)
        except BaseException:
            with self._lock:
                self._recent.remove(call)
            call.is_refused = True
            self.end(call, reserved=Decimal(0))
            raise
        return call

    def end(self, call: Call, *, reserved: Decimal | None = None) -> None:
        """Record that a call's answer has arrived or that it was given up; only the first time counts.

        Args:
            call: The call.
            reserved: Credits its answer says it reserved; None if it says nothing.
        """
        with self._lock:
            if call.ended_at is not None:
                return
            call.reserved = reserved
            call.ended_at = time.monotonic()
        with own_wait():  # the call is over, and what observers do is no wait of the caller's code
            for observer in self._observers:
                observer.call_ended(call)

    def abandon(self, call: Call) -> None:
        """Have a call recorded as given up at the next query or call; the garbage collector may call this.

        Args:
            call: The call.
        """
        # Observers must not be called from the garbage collector: it may interrupt code that holds a lock.
        self._abandoned.append(call)

    def recent(self, identity: str) -> list[Call]:
        """Return an account's recent calls, oldest first.

        Args:
            identity: The client's identity.
        """
        self._end_abandoned()
        with self._lock:
            return [call for call in self._recent if call.identity == identity]

    def under_way(self, identity: str) -> list[Call]:
        """Return an account's calls whose answers may still come, oldest first.

        Args:
            identity: The client's identity.
        """
        return [call for call in self.recent(identity) if call.is_under_way]

    def _end_abandoned(self) -> None:
        while self._abandoned:
            with contextlib.suppress(IndexError):  # another thread was faster
                self.end(self._abandoned.popleft())


calls = Calls()
"""This process's guarded calls."""
