"""Who makes a guarded call, and whether that may be part of a budget's work. Pure: no lock or clock."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ...api.calls import Call
    from ...errors import BudgetExceeded
    from ..interrupt import InterruptTarget


class Gated(Protocol):
    """The part of a budget that the gate needs."""

    @property
    def identity(self) -> str:
        """The identity of the account's client."""

    @property
    def target(self) -> InterruptTarget | None:
        """The work it is watching; None while it watches nothing."""

    @property
    def counts_from(self) -> float:
        """When the reading was requested from which its spending counts, in monotonic seconds."""

    def before_call(self) -> Callable[[], None] | None:
        """Return the reading to take before a guarded call is decided on; None if none is needed."""

    def refuse(self) -> BudgetExceeded | None:
        """Return what to raise in place of a guarded call; None while its limit isn't reached."""

    def count(self, call: Call, *, is_own: bool) -> None:
        """Count a guarded call on the account, made by its own work or by other work."""


@dataclass(frozen=True, slots=True)
class Work:
    """The work that a budget watches.

    Attributes:
        is_task: Whether it is one task of an event loop.
        is_main: Whether it runs on the main thread.
        older: The threads that ran before it began.
        callers: The threads whose calls were counted as its own, whether they say so or not.
    """

    is_task: bool = False
    is_main: bool = True
    older: weakref.WeakSet[threading.Thread] = field(default_factory=weakref.WeakSet)
    callers: weakref.WeakSet[threading.Thread] = field(default_factory=weakref.WeakSet)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a call.

    Attributes:
        thread: The thread.
        around: The budgets that its context was made under and that still watch, outermost first.
        is_task: Whether it runs on an event loop.
    """

    thread: threading.Thread
    around: tuple[Gated, ...] = ()
    is_task: bool = False


def may_be_part(work: Work, caller: Caller, *, is_only: bool) -> bool:
    """Return whether a call may be made by a budget's work although its context doesn't say so.

    Args:
        work: The budget's work.
        caller: Who makes the call.
        is_only: Whether no other budget watches work on the account.

    Returns:
        If in doubt, True: the call then counts, and a budget that is spent refuses it.
    """
    if work.is_task:
        # Other tasks' calls are theirs; a thread's, which `run_in_executor` leaves without a context, may be.
        return is_only and not caller.is_task and not caller.around
    if caller.around:
        # It is under a budget of its own, which may be inside this one if the main thread started it since.
        return work.is_main and caller.thread not in work.older
    return True
