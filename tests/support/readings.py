"""Readings made by hand: one factory for every test that needs some."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from evolink_nb.credits import Credits, TokenCredits, UserCredits
from tests.support.clock import BEGINNING

Amount = Decimal | str | int


def reading(
    at: float = 0.0,
    *,
    token: Amount = "99416.4429",  # noqa: S107 - credits
    token_used: Amount = "583.5571",  # noqa: S107 - credits
    unlimited: bool = False,
    user: Amount = "1095.3996",
    user_used: Amount = "135.9048",
    simulated: bool = False,
    requested_at: float | None = None,
) -> Credits:
    """Return a reading, by default the one that the API's documentation shows.

    Args:
        at: When it was read, in seconds of the monotonic clock; `BEGINNING` is the time of day at 0.
        token: Credits that the key has left.
        token_used: Credits that the key has used.
        unlimited: Whether the key has no limit of its own.
        user: Credits that the account has left.
        user_used: Credits that the account has used.
        simulated: Whether the demo account answered.
        requested_at: When it was asked for, in seconds of the monotonic clock; ``at`` by default.

    Returns:
        The reading, stamped as a fetcher stamps it.
    """
    return Credits(
        TokenCredits(Decimal(token), Decimal(token_used), unlimited),
        UserCredits(Decimal(user), Decimal(user_used)),
        BEGINNING + timedelta(seconds=at),
        simulated,
        requested_at=at if requested_at is None else requested_at,
        monotonic=at,
    )
