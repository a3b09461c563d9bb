"""How to divide a movement among the stretches of work that it can belong to. Pure functions.

What several stretches of work cost together is known; what each of them cost is an estimate. A charge is
attributed to its most likely candidate. A settlement for less is spread over all its candidates in proportion
to what they were charged, beginning with charges without a receipt: calls whose answers give no price reserve
the most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from ...credits import difference, portion, total

if TYPE_CHECKING:
    from .work import Work

NOTHING = Decimal(0)


def parts_of(movements: Iterable[tuple[Decimal, Sequence[Work]]]) -> list[dict[Work, Decimal]]:
    """Return the estimated part of each candidate in each movement.

    Args:
        movements: The movements of a row, oldest first: the credits of each, negative for a settlement for
            less, and the work it can belong to, most likely first.

    Returns:
        For each movement, a mapping from work to credits. Its values add up to the movement; it is empty for
        a movement without candidates.
    """
    charged: dict[Work, Decimal] = {}
    found = []
    for amount, possible in movements:
        parts = _spread(amount, possible, charged)
        for work, part in parts.items():
            charged[work] = total((charged.get(work, NOTHING), part))
        found.append(parts)
    return found


def _spread(
    amount: Decimal, candidates: Sequence[Work], charged: Mapping[Work, Decimal]
) -> dict[Work, Decimal]:
    if not candidates:
        return {}
    parts = dict.fromkeys(candidates, NOTHING)
    rest = amount
    if amount < 0 and len(candidates) > 1:
        without_receipt = {
            work: max(difference(charged.get(work, NOTHING), work.receipts), NOTHING) for work in candidates
        }
        rest = _take(rest, without_receipt, parts)
        left = {work: max(total((charged.get(work, NOTHING), parts[work])), NOTHING) for work in candidates}
        rest = _take(rest, left, parts)
    parts[candidates[0]] = total((parts[candidates[0]], rest))
    return parts


def _take(fall: Decimal, weights: Mapping[Work, Decimal], parts: dict[Work, Decimal]) -> Decimal:
    """Spread a fall over parts in proportion to their weights, and return what is left of it.

    Args:
        fall: Credits, negative.
        weights: The most that each part may fall by, in credits.
        parts: The parts so far; changed in place.
    """
    available = total(weights.values())
    if not available or not fall:
        return fall
    taken = min(-fall, available)
    given = {work: portion(taken, weight, available) for work, weight in weights.items()}
    left = difference(taken, total(given.values()))
    # Distribute what rounding down has left.
    for work in sorted(weights, key=lambda each: weights[each], reverse=True):
        more = min(left, difference(weights[work], given[work]))
        given[work], left = total((given[work], more)), difference(left, more)
    for work, part in given.items():
        parts[work] = difference(parts[work], part)
    return total((fall, taken))
