"""Calls made with requests, which reports that a call is prepared and answered, but not that it failed."""

from __future__ import annotations

import threading
from decimal import Decimal

from .calls import Call, calls


class Threads(threading.local):
    """What each thread is sending.

    Attributes:
        unanswered: The call that the thread began last; None once it has been answered.
    """

    unanswered: Call | None = None


class Answered:
    """Pickled in place of a `Sending`: its call is already known, or belongs to another process."""

    def answered(self) -> None:
        """Record nothing."""

    def abandon(self) -> None:
        """Record nothing."""

    def end(self, reserved: Decimal | None = None) -> None:
        """Record nothing."""


class Sending:
    """One prepared request, which may be sent several times: each answered sending is a call."""

    def __init__(self, identity: str, threads: Threads) -> None:
        """Prepare; nothing begins yet.

        Args:
            identity: The client's identity.
            threads: What each thread is sending.
        """
        self._identity = identity
        self._threads = threads
        self._call: Call | None = None

    def __reduce__(self) -> tuple[type[Answered], tuple[()]]:
        # A pickled answer contains its request, which contains its hooks.
        return Answered, ()

    def begin(self) -> None:
        """Begin a call.

        Raises:
            BaseException: It was refused.
        """
        failed = self._threads.unanswered
        if failed is not None:
            # A thread sends one request at a time: the earlier one has failed.
            calls.end(failed)
        self._call = self._threads.unanswered = None
        calls.prepare(self._identity)
        self._call = self._threads.unanswered = calls.begin(self._identity)

    def begin_again(self) -> None:
        """Begin a call unless one is under way: a redirect or a retry by urllib3 belongs to that call.

        Raises:
            BaseException: It was refused.
        """
        if self._call is None or not self._call.is_under_way:
            self.begin()

    def answered(self) -> None:
        """Record that the answer has begun to arrive."""
        if self._threads.unanswered is self._call:
            self._threads.unanswered = None

    def end(self, reserved: Decimal | None = None) -> None:
        """Record that the answer has arrived.

        Args:
            reserved: The credits it says it reserved.
        """
        self.answered()
        if self._call is not None:
            calls.end(self._call, reserved=reserved)

    def abandon(self) -> None:
        """Record that no answer will come; the garbage collector may call this."""
        if self._call is not None:
            calls.abandon(self._call)
