"""Traits that the live card's view gets, and how their values are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from traitlets import TraitType

    from ..polling.fetcher import CreditsFetcher


def synced(trait: TraitType[Any, Any], **metadata: Any) -> Any:
    """Return a trait as one that is sent to the front end.

    Args:
        trait: The trait.
        **metadata: What else ipywidgets is to know of it, such as ``to_json``.
    """
    return trait.tag(sync=True, **metadata)


def to_milliseconds(moment: datetime | None, _widget: object) -> float | None:
    """Return a moment as JavaScript counts it, in milliseconds."""
    return None if moment is None else round(moment.timestamp() * 1000)


def shown_trend(fetcher: CreditsFetcher) -> tuple[float | None, float | None]:
    """Return the burn rate and the runway, rounded alike for the live card and the static one.

    Args:
        fetcher: The fetcher that reads the account.
    """
    rate, runway = fetcher.burn_rate, fetcher.runway
    return rate and float(f"{rate:.6g}"), runway and round(runway)
