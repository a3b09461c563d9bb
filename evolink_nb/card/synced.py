"""Traits that are sent to the live card's views, and conversions of their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from traitlets import TraitType

    from ..polling.fetcher import CreditsFetcher


def synced(trait: TraitType[Any, Any], **metadata: Any) -> Any:
    """Tag a trait to be sent to the front end, and return it.

    Args:
        trait: The trait.
        **metadata: More metadata for ipywidgets, such as ``to_json``.
    """
    return trait.tag(sync=True, **metadata)


def to_milliseconds(moment: datetime | None, _widget: object) -> float | None:
    """Return a moment in milliseconds since the epoch, as JavaScript counts time."""
    return None if moment is None else round(moment.timestamp() * 1000)


def shown_trend(fetcher: CreditsFetcher) -> tuple[float | None, float | None]:
    """Return the burn rate and the runway, rounded the same for the live card and the static one.

    Args:
        fetcher: The fetcher that reads the account.
    """
    rate, runway = fetcher.burn_rate, fetcher.runway
    return rate and float(f"{rate:.6g}"), runway and round(runway)
