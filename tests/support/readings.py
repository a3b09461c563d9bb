"""Readings made by hand: one factory for every test that needs some."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from evolink_nb.credits import Credits, TokenCredits, UserCredits, total
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


def moved(
    at: float = 0.0,
    *,
    spent: Amount = 0,
    reserved: Amount = 0,
    others: Amount = 0,
    topped_up: Amount = 0,
    unlimited: bool = False,
    requested_at: float | None = None,
) -> Credits:
    """Return `reading` after things happened, as the table in `evolink_nb.metering.cost` has them.

    Args:
        at: When it was read, in seconds of the monotonic clock.
        spent: Credits that calls of this key cost, and that are settled.
        reserved: Credits that calls of this key have reserved, and that are not settled.
        others: Credits that calls of other keys cost.
        topped_up: Credits that came onto the account.
        unlimited: Whether the key has no limit of its own.
        requested_at: When it was asked for; ``at`` by default.
    """
    own = total((Decimal(spent), Decimal(reserved)))
    gone = total((own, Decimal(others), -Decimal(topped_up)))
    return reading(
        at,
        token=total((Decimal("99416.4429"), -own)),
        token_used=total((Decimal("583.5571"), own)),
        unlimited=unlimited,
        user=total((Decimal("1095.3996"), -gone)),
        user_used=total((Decimal("135.9048"), Decimal(spent), Decimal(others))),
        requested_at=requested_at,
    )
