"""The cost of a stretch of work, assessed from the readings around it. Pure functions.

Three things blur a before/after difference: a call reserves first and settles later, possibly for less;
other keys spend on the same account; accounts are topped up. The key's counter, the account's counter and
the account's balance see these differently, so together they tell them apart:

    what happened                     key's counter   account's counter   account's balance
    a call of this key, settled             + c               + c                - c
    a call of this key, reserved            + r                 0                - r
    a call of another key, settled            0               + o                - o
    a top-up                                  0                 0                + t

A cost is *clean* only if nothing but the first line and top-ups can have happened, and nothing has moved
since for the quiet time (`quiet`). It is *confirmed* if the receipts of its guarded calls add up to the same
amount and nothing was given back meanwhile. A *clean* cost can still be wrong in these cases:

- The same key spends elsewhere during the work: in a thread of this process that nobody measures, or in
  another kernel whose work isn't in a shared history (`overlaps`).
- A charge comes later than the quiet time, and the account hasn't been seen to charge that late before.
- Errors cancel between the same two readings: a charge and the smaller refund of another call, which look
  like one charge; and, to the last decimal, a charge and another call's settlement for less, unsettled calls
  and other keys' settled ones, or a reservation and a top-up.

A *confirmed* cost can be wrong only where such errors also come to the receipts, to the last decimal.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from ..credits import CreditsDelta, difference

if TYPE_CHECKING:
    from ..credits import Credits

NOTHING = Decimal(0)
STILL_MOVING = "the readings are still changing"
"""The reason given when all counters agree, but only in one reading so far."""

Confidence = Literal["confirmed", "clean", "shared", "unsettled", "inconsistent", "unknown"]


@dataclass(frozen=True, slots=True)
class Together:
    """What several stretches of work cost together when they can't be told apart.

    Attributes:
        label: Which work it is, such as "cells 8 to 12".
        credits: The credits that all of it cost.
    """

    label: str
    credits: Decimal


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a stretch of work, in credits, and how sure it is.

    ``token`` is what this key spent, None if its own counter doesn't move; ``user`` is what the whole account
    spent, including reservations if ``token`` is None; ``others`` is the difference; ``topped_up`` is what
    was added to the account meanwhile. ``seconds`` is how long the work took. ``confidence`` is *confirmed*
    (by the receipts of its calls); *clean*; *shared* (others' spending is in ``user``, and may be in
    ``token``); *unsettled*; *inconsistent*; or *unknown* (a reading is missing). ``reason`` says why.
    ``simulated`` is true if the demo account was read. ``together`` is set if this work can't be told apart
    from other work, and is what all of it cost; ``token`` is then an estimate, and the estimates of all of
    that work add up to the sum.
    """

    token: Decimal | None = None
    user: Decimal | None = None
    others: Decimal | None = None
    topped_up: Decimal | None = None
    seconds: float = 0.0
    settled: bool = False
    confidence: Confidence = "unknown"
    reason: str = "not read yet"
    simulated: bool = False
    together: Together | None = None

    @property
    def credits(self) -> Decimal | None:
        """The best single figure: what the key spent, or else what the account spent; None if unknown."""
        return self.user if self.token is None else self.token


def assess(
    before: Credits, after: Credits, *, seconds: float, stable: bool, shared: str | None = None
) -> Cost:
    """Return the cost implied by two readings.

    Args:
        before: The reading before the work.
        after: The newest reading after it.
        seconds: How long the work took.
        stable: Whether the last two readings after the work were the same.
        shared: What else is known to have spent meanwhile, if anything.

    Returns:
        The cost according to these readings.
    """
    spend = CreditsDelta.between(before, after)
    frozen = is_frozen(before, after)
    confidence, reason = _confidence(before, after, spend, frozen=frozen, stable=stable)
    # If something else is known to have spent, leave out the figures it may have blurred.
    told_apart = shared is None or confidence == "clean"
    if shared and confidence in {"clean", "shared"}:
        confidence, reason = "shared", shared
    return Cost(
        token=None if frozen else spend.token,
        # A figure that stands in for the key's counter includes reservations, as the counter would.
        user=max(spend.user, spend.user_drop) if frozen else spend.user,
        others=spend.others if told_apart and not frozen else None,
        topped_up=spend.topped_up if told_apart else None,
        seconds=seconds,
        settled=stable and confidence in {"clean", "shared"},
        confidence=confidence,
        reason=reason,
        simulated=after.simulated,
    )


def is_frozen(before: Credits, after: Credits) -> bool:
    """Return whether the key's own counter stands still while the account moves, as an unlimited key's may.

    A top-up counts as a movement: it may hide a call of the key that is not settled yet.

    Args:
        before: The earlier reading.
        after: The later one.
    """
    spend = CreditsDelta.between(before, after)
    return after.token.unlimited and spend.token == 0 and (spend.user != 0 or spend.user_drop != 0)


def is_same(earlier: Credits, later: Credits) -> bool:
    """Return whether two readings have the same amounts.

    Args:
        earlier: One reading.
        later: The other.
    """
    unmoved = CreditsDelta.between(earlier, later) == CreditsDelta(NOTHING, NOTHING, NOTHING, NOTHING)
    return unmoved and earlier.token.unlimited == later.token.unlimited


def _confidence(
    before: Credits, after: Credits, spend: CreditsDelta, *, frozen: bool, stable: bool
) -> tuple[Confidence, str]:
    limited = not before.token.unlimited and not after.token.unlimited
    # The first that holds wins.
    findings: tuple[tuple[bool, Confidence, str], ...] = (
        (
            before.token.unlimited != after.token.unlimited,
            "inconsistent",
            "the key's limit was set or removed meanwhile",
        ),
        (
            spend.topped_up < 0 or (spend.others < 0 and not frozen),
            "unsettled",
            "credits are reserved and not settled yet",
        ),
        (
            spend.token < 0 or spend.user < 0,
            "inconsistent",
            "a counter of used credits fell: an earlier call was settled for less or refunded",
        ),
        (
            limited and difference(spend.token_drop, spend.token) > 0,
            "inconsistent",
            "the key's balance fell by more than it spent",
        ),
        (not stable, "unsettled", STILL_MOVING),
        (frozen, "shared", "the key's own counter does not move: this is what the whole account spent"),
        (spend.others > 0, "shared", "others, or earlier calls, spent on the account meanwhile"),
    )
    for holds, confidence, reason in findings:
        if holds:
            return confidence, reason
    return "clean", "the key's and the account's counters agree"
