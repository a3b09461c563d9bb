"""``evolink-nb credits --watch``: shows readings as they come, until one meets a condition."""

from __future__ import annotations

import queue
import re
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..card.render import CardView, Trend
from ..formatting import may_style
from ..polling.fetcher import CreditsFetcher
from ..polling.status import Status
from . import output

if TYPE_CHECKING:
    from ..api.client import EvoLinkClient
    from ..credits import Credits

Show = Callable[[CreditsFetcher], None]
"""Shows what a fetcher knows now."""
_CODES = re.compile("\x1b\\[[0-9;]*m")
_WAKE_EVERY = 1.0
"""Seconds after which a wait is restarted: on Windows, Ctrl+C doesn't end one."""


def watch(client: EvoLinkClient, every: float, show: Show, is_last: Callable[[Credits], bool]) -> Credits:
    """Show readings until one meets a condition; temporary failures don't end it.

    Args:
        client: The client to read with.
        every: Seconds between two readings.
        show: Called after each attempt.
        is_last: Returns whether a reading meets the condition.

    Returns:
        That reading.

    Raises:
        EvoLinkError: The key is refused.
        OutputError: A reading can't be printed.
        KeyboardInterrupt: The user pressed Ctrl+C.
    """
    fetcher = CreditsFetcher(client, every)
    changed: queue.SimpleQueue[object] = queue.SimpleQueue()
    fetcher.observe(changed.put, "revision")
    fetcher.start()
    seen: tuple[object, object] = (None, None)
    try:
        while True:
            wait_for_change(changed)
            now = (fetcher.credits, fetcher.error)
            if now != seen:
                seen = now
                if fetcher.status is Status.UNAUTHORIZED and fetcher.error is not None:
                    raise fetcher.error
                show(fetcher)
                if fetcher.credits is not None and fetcher.error is None and is_last(fetcher.credits):
                    return fetcher.credits
    finally:
        fetcher.stop()


def nothing(fetcher: CreditsFetcher) -> None:
    """Show nothing.

    Args:
        fetcher: The fetcher that reads the account.
    """
    del fetcher


def printer(*, as_json: bool) -> Show:
    """Return a function that shows readings: as one updated card in a terminal, otherwise line by line.

    Args:
        as_json: Whether to print JSON, one object per line.
    """
    if as_json or not sys.stdout.isatty():
        return _Lines(as_json=as_json)
    return _Card()


class _Lines:
    """Prints each reading as a line, and failures to standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def __call__(self, fetcher: CreditsFetcher) -> None:
        credits, error = fetcher.credits, fetcher.error
        if error is not None:
            output.Failure(self._as_json).say(error.in_shell(), error, 0)
        elif credits is not None:
            output.say(re.sub(r"\n *", "", credits.to_json()) if self._as_json else str(credits))


class _Card:
    """Prints each card over the last one."""

    def __init__(self) -> None:
        self._lines = 0

    def __call__(self, fetcher: CreditsFetcher) -> None:
        error = fetcher.error
        trend = Trend(fetcher.burn_rate, fetcher.runway, fetcher.spent)
        age = None
        if error is not None and fetcher.credits is not None:
            age = fetcher.clock.monotonic() - fetcher.credits.monotonic
        view = CardView(
            fetcher.credits,
            status=fetcher.status,
            message="" if error is None else error.in_shell(),
            trend=trend,
            age=age,
        )
        text = view.text(styled=may_style(sys.stdout))
        output.say((f"\x1b[{self._lines}F\x1b[J" if self._lines else "") + text)
        width = shutil.get_terminal_size().columns
        self._lines = sum(1 + (len(line) - 1) // width for line in _CODES.sub("", text).splitlines())


def wait_for_change(changed: queue.SimpleQueue[Any]) -> None:
    """Wait for a change, and take all that are queued.

    Args:
        changed: The queue that gets an item at each change.
    """
    while True:
        try:
            changed.get(timeout=_WAKE_EVERY)
        except queue.Empty:
            continue
        while not changed.empty():
            changed.get()
        return
