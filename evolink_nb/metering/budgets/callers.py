"""Who makes a guarded call, and whether the call may be part of a budget's work. Pure: no lock or clock."""

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
        """The work that the budget watches; None while it watches nothing."""

    @property
    def counts_from(self) -> float:
        """When the reading from which spending counts was requested, in monotonic seconds."""

    def before_call(self) -> Callable[[], None] | None:
        """Return a function that takes the reading needed to decide on a guarded call; None if none is."""

    def refuse(self) -> BudgetExceeded | None:
        """Return what to raise in place of a guarded call; None while the limit isn't reached."""

    def count(self, call: Call, *, is_own: bool) -> None:
        """Count a guarded call on the account, made by the budget's own work or by other work."""


@dataclass(frozen=True, slots=True)
class Work:
    """The work that a budget watches.

    Attributes:
        is_task: Whether it is a task of an event loop.
        is_main: Whether it runs on the main thread.
        older: The threads that existed before it began.
        callers: The threads whose calls were counted as its own, whether or not their context says so.
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
        around: The budgets in its context that still watch, outermost first.
        is_task: Whether it is a task of an event loop.
    """

    thread: threading.Thread
    around: tuple[Gated, ...] = ()
    is_task: bool = False


def may_be_part(work: Work, caller: Caller, *, is_only: bool) -> bool:
    """Return whether a budget's work may be making a call although the call's context doesn't say so.

    Args:
        work: The budget's work.
        caller: Who makes the call.
        is_only: Whether no other budget watches work on the account.

    Returns:
        True if in doubt: the call then counts, and a used-up budget refuses it.
    """
    if work.is_task:
        # Other tasks' calls aren't its own. A thread's call may be: `run_in_executor` copies no context.
        return is_only and not caller.is_task and not caller.around
    if caller.around:
        # The caller has its own budget, which may be inside this one if the main thread started it since.
        return work.is_main and caller.thread not in work.older
    return True
