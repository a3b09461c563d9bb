"""Checks costs against the receipts of guarded calls. Pure functions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...credits import CreditsDelta, difference, total
from ...formatting import format_amount
from .work import calls_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...credits import Credits
    from ..cost import Cost
    from .share import Share
    from .work import Work

CONFIRMED = "the receipts of its calls add up to the same amount"
NO_CHARGE = "no charge seen yet"
"""The reason given when guarded calls were made but nothing has moved."""


def explain(works: Sequence[Work], start: Credits, now: Credits) -> bool:
    """Return whether receipts alone explain all changes of an account's counters, and none is missing.

    Args:
        works: All work since ``start``.
        start: A reading before that work.
        now: The newest reading.

    Returns:
        Whether every charge since then has a receipt, is settled, and shows in the key's counter, the
        account's counter and the account's balance.
    """
    made = calls_of(works)
    if not made or any(call.reserved is None or call.ended_at is None for call in made):
        return False
    delta = CreditsDelta.between(start, now)
    receipts = total(call.reserved for call in made if call.reserved is not None)
    sums = (delta.token, delta.user, delta.user_drop)
    return all(difference(each, receipts) == 0 for each in sums)


def weigh(cost: Cost, work: Work, share: Share, *, adds_up: bool) -> Cost:
    """Return a cost with the confidence that the receipts of its calls justify.

    Args:
        cost: The cost according to the counters, at rest.
        work: The work.
        share: What the movements of the counters say of it.
        adds_up: Whether all guarded calls of its row cost what their receipts say.
    """
    spent = cost.credits
    if not work.calls or spent is None or cost.confidence not in {"clean", "shared"}:
        return cost
    if not share.has_moved:
        return replace(cost, confidence="unsettled", settled=False, reason=NO_CHARGE)
    beyond = difference(spent, work.receipts)
    # After a settlement for less, only chance makes it equal: something else was charged as well.
    if beyond == 0 and not share.has_fallen and adds_up and work.has_all_receipts and cost.token == cost.user:
        return replace(cost, confidence="confirmed", reason=CONFIRMED)
    if beyond > 0 and work.has_all_receipts and cost.confidence == "clean":
        reason = f"{format_amount(beyond)} more than the receipts of its calls"
        return replace(cost, confidence="shared", reason=reason)
    return cost
