"""A fetcher's readings as an asynchronous iterator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any

from .status import Status

if TYPE_CHECKING:
    from ..credits import Credits


async def readings_of(fetcher: Any, iterations: set[Callable[[], None]]) -> AsyncGenerator[Credits]:
    """Yield each reading of a fetcher as it arrives, with a subscription of its own, until the fetcher stops.

    A slow consumer gets only the newest reading, not all that arrived meanwhile. A temporary failure is in
    the fetcher's ``error``.

    Args:
        fetcher: The `CreditsFetcher`.
        iterations: Holds a function for each iteration that wakes it; called when the fetcher is stopped.

    Raises:
        EvoLinkError: The key is refused, or the platform can't start another thread.
    """
    loop, changed, subscriber = asyncio.get_running_loop(), asyncio.Event(), object()

    def wake(_change: object = None) -> None:  # on any thread
        if not loop.is_closed():
            loop.call_soon_threadsafe(changed.set)

    # A reading that nothing keeps fresh may be old.
    last = None if fetcher.running else fetcher.credits
    fetcher.observe(wake, "revision")
    iterations.add(wake)
    try:
        fetcher.attach(subscriber, fetcher.interval)
        while fetcher.is_attached(subscriber):
            changed.clear()
            reading = fetcher.credits
            if reading is not None and reading is not last:
                last = reading
                yield reading
            elif fetcher.status is Status.UNAUTHORIZED and fetcher.error is not None:
                raise fetcher.error
            elif fetcher.is_attached(subscriber):
                await changed.wait()
    finally:
        iterations.discard(wake)
        fetcher.unobserve(wake, "revision")
        fetcher.detach(subscriber)
