"""What a key has spent since a first reading, followed step by step over several counters. Pure.

No single counter can be trusted. A key's ``used`` may be set back to 0 each day, or stand still; its
``remaining`` jumps when its limit is changed; the account's counters also move when other keys spend. So the
steps of each counter are summed separately, and the largest sum is what was spent. A maximum of sums
telescopes. A sum of each step's maximum would count a call twice if one counter shows it a reading earlier.

A rise is spending. A fall may be one of four things:

    what happened                               key's used   account's used   account's remaining   spent
    a call of this work settled for less           - x          + c, or 0            + x             - x
    an earlier call was refunded                   - x          - x, or 0            + x               0
    the key's counter was reset                    - a lot        0                    0               0
    the key's limit was raised (its remaining)       0            0                    0               0

Only the first lowers what was spent, and only by as much as this work can have reserved. If the readings
can't tell, nothing is subtracted: a figure that is too high stops work early, one that is too low lets it
overspend. So two things make the figure too high: a refund of this work's own calls, and servers that
sometimes answer with older counters. Two make it too low: an earlier call that settles for less while calls
of this work are reserved, at most by what those have reserved; and changes between two readings that cancel
out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from ..credits import Credits, CreditsDelta, difference, total

NOTHING = Decimal(0)


@dataclass(slots=True)
class _Sums:
    """The spending shown by each counter, in credits; never below 0."""

    token: Decimal = NOTHING
    token_drop: Decimal = NOTHING
    user: Decimal = NOTHING
    user_drop: Decimal = NOTHING

    @property
    def account(self) -> Decimal:
        """The whole account's spending, including reservations."""
        return max(self.user, self.user_drop)


class Spending:
    """What a key has spent since a first reading. Feed it every reading, in order.

    For an unlimited key, the account's counters are used only until the key's own is seen to rise: it may be
    frozen, and then only the account's spending can be seen.

    Attributes:
        first: The reading from which spending counts.
        latest: The newest reading.
    """

    def __init__(self, first: Credits, *, earlier: Iterable[Credits] = ()) -> None:
        """Start with nothing spent.

        Args:
            first: The reading from which spending counts.
            earlier: Readings before it, oldest first; they may show that the key's own counter moves.
        """
        self.first = self.latest = first
        self._before = NOTHING  # spent under the key's earlier kinds of limit
        self._sums = _Sums()
        steps = pairwise((*earlier, first))
        self._token_moves = any(_token_rose(before, after) for before, after in steps)

    @property
    def spent(self) -> Decimal:
        """Credits spent as of the newest reading, including reservations; never below 0."""
        return total((self._before, self._spent_as(unlimited=self.latest.token.unlimited)))

    @property
    def is_account_wide(self) -> bool:
        """Whether `spent` is the whole account's spending, because the key's own counter doesn't move."""
        return self.latest.token.unlimited and not self._token_moves

    def record(self, reading: Credits) -> Decimal:
        """Record the next reading; ignore one that is older than the newest.

        Args:
            reading: The reading.

        Returns:
            Credits spent as of the newest reading.
        """
        earlier = self.latest
        if reading is not earlier and reading.monotonic >= earlier.monotonic:
            self._step(earlier, reading)
            if earlier.token.unlimited != reading.token.unlimited:
                # The key's remaining credits have another meaning from here on: start the sums again.
                self._before = total((self._before, self._spent_as(unlimited=earlier.token.unlimited)))
                self._sums = _Sums()
            self.latest = reading
        return self.spent

    def record_all(self, readings: Iterable[Credits]) -> Decimal:
        """Record the readings that are newer than the newest one recorded.

        Args:
            readings: Readings, oldest first, such as those a fetcher has kept.

        Returns:
            Credits spent as of the newest reading.
        """
        newest = self.latest.monotonic
        for reading in readings:
            if reading.monotonic > newest:
                self.record(reading)
        return self.spent

    def _spent_as(self, *, unlimited: bool) -> Decimal:
        sums = self._sums
        if unlimited:
            return sums.token if self._token_moves else sums.account
        # A key can't have spent more than its account: any more is a limit that was lowered.
        return max(sums.token, min(sums.token_drop, sums.account))

    def _step(self, earlier: Credits, later: Credits) -> None:
        """Add one step of each counter to its sum."""
        delta, sums = CreditsDelta.between(earlier, later), self._sums
        limited = not earlier.token.unlimited and not later.token.unlimited
        is_shared = difference(sums.user, sums.token) > 0
        sums.user = total((sums.user, max(delta.user, NOTHING)))
        settled = _settled_token(delta, later, sums, is_shared=is_shared)
        drop_before = sums.token_drop
        if limited:
            sums.token_drop = _step_of_drop(delta, sums, settled=settled)
        sums.token = total((sums.token, _rise_of_token(delta, later), -settled))
        sums.user_drop = _step_of_user_drop(delta, sums)
        self._token_moves = self._token_moves or delta.token > 0
        if self._token_moves:
            # The key's used credits move, so a larger fall of its remaining credits is a limit that was
            # lowered. The account's other spending must not hide that.
            most = total((drop_before, max(delta.user, delta.user_drop, delta.token, NOTHING)))
            sums.token_drop = min(sums.token_drop, most, max(sums.token, sums.account))


def _token_rose(earlier: Credits, later: Credits) -> bool:
    return difference(later.token.used, earlier.token.used) > 0


def _is_reset(delta: CreditsDelta, later: Credits) -> bool:
    """Return whether the key's used credits may have been set back to 0 and gone on counting from there.

    Since the reset, the key can't have spent more than the account.
    """
    return delta.token < 0 <= delta.user and later.token.used <= max(delta.user_drop, NOTHING)


def _rise_of_token(delta: CreditsDelta, later: Credits) -> Decimal:
    """Return the spending in a step according to the key's used credits, ignoring settlements."""
    if delta.token < 0:
        is_settlement = delta.topped_up >= -delta.token
        since_reset = max(later.token.used, NOTHING)
        return since_reset if _is_reset(delta, later) and not is_settlement else NOTHING
    return delta.token


def _settled_token(delta: CreditsDelta, later: Credits, sums: _Sums, *, is_shared: bool) -> Decimal:
    """Return how much a fall of the key's used credits lowers what was spent.

    Args:
        delta: The step.
        later: The reading after it.
        sums: The sums; only the account's used credits include the step.
        is_shared: Whether the account had settled more than the key had spent, so that others use it too.

    Returns:
        Credits, 0 or more.
    """
    fall = max(-delta.token, NOTHING)
    left = difference(sums.token, fall)
    if delta.user < 0 or left < 0:
        return NOTHING
    # A released reservation shows in the account's balance. A counter set back to 0 doesn't.
    if _is_reset(delta, later) and delta.topped_up < fall:
        return NOTHING
    # The rest must cover what the account has settled since, unless others have settled some of that.
    is_covered = difference(left, sums.user) >= 0 or (is_shared and delta.user > 0)
    return fall if is_covered else NOTHING


def _step_of_drop(delta: CreditsDelta, sums: _Sums, *, settled: Decimal) -> Decimal:
    """Return the new sum for a limited key's remaining credits.

    Args:
        delta: The step.
        sums: The sums; only the account's used credits include the step.
        settled: By how much calls that settled for less lowered the key's used credits.
    """
    if delta.token_drop >= 0:
        return total((sums.token_drop, delta.token_drop))
    left = total((sums.token_drop, delta.token_drop))
    # A raised limit shows in no other counter.
    is_known = difference(-delta.token_drop, settled) <= 0
    is_released = delta.user >= 0 and delta.user_drop <= delta.token_drop and difference(left, sums.user) >= 0
    return left if left >= 0 and (is_known or is_released) else sums.token_drop


def _step_of_user_drop(delta: CreditsDelta, sums: _Sums) -> Decimal:
    """Return the new sum for the account's remaining credits.

    Args:
        delta: The step.
        sums: The sums; only the account's used credits include the step.
    """
    left = total((sums.user_drop, delta.user_drop))
    # A call that settles for less releases no more than was reserved; a top-up is usually more.
    is_release = delta.user >= 0 and difference(left, sums.user) >= 0
    return left if delta.user_drop >= 0 or is_release else sums.user_drop
