"""Answers to the messages of the live card's views: ages, waits and the sparkline's points.

They contain no time of day: the browser's clock may differ from the kernel's, and either may be changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..polling.fetcher import CreditsFetcher

MAX_POINTS = 60
"""The most points in the sparkline; ``card.js`` has the same number."""


def points(fetcher: CreditsFetcher) -> list[tuple[float, float]]:
    """Return the sparkline's points.

    Args:
        fetcher: The fetcher that the card follows.

    Returns:
        Pairs of milliseconds from now, so 0 or less, and spendable credits, oldest first.
    """
    now = fetcher.clock.monotonic()
    return [
        (round((reading.monotonic - now) * 1000), float(reading.spendable))
        for reading in fetcher.readings[-MAX_POINTS:]
    ]


def times(fetcher: CreditsFetcher) -> dict[str, float | None]:
    """Return how old the newest reading is, and how long the next must wait.

    Args:
        fetcher: The fetcher that the card follows.

    Returns:
        ``age`` and ``wait`` in seconds, None where there is no reading or no wait.
    """
    credits = fetcher.credits
    age = None if credits is None else max(fetcher.clock.monotonic() - credits.monotonic, 0.0)
    return {"age": age, "wait": wait(fetcher)}


def wait(fetcher: CreditsFetcher) -> float | None:
    """Return how long the server's Retry-After still applies, in seconds; None if it asked for no wait.

    Args:
        fetcher: The fetcher that the card follows.
    """
    return None if fetcher.retry_at is None else fetcher.retry_after_left


def outlook(fetcher: CreditsFetcher) -> str:
    """Return how long the credits last: in the user's own unit, and by the usual hours.

    Args:
        fetcher: The fetcher.
    """
    return " · ".join(filter(None, (fetcher.outlook, fetcher.forecast)))
