"""What was spent since a first reading, as the card shows it. Pure.

The sums of a counter's steps telescope: how many readings were taken in between, and which counter shows a
call first, doesn't matter once all of them show it. Two sums are kept, of the key's and of the account's used
credits: the key's includes what is reserved, the account's what other keys spend. The larger one counts; what
isn't spending, such as a counter that was set back, is left out.

`evolink_nb.polling.spending` sums for budgets, and rounds up where readings can't tell. Here a call that
settles for less counts as less, whichever counter says so first.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ..credits import CreditsDelta, difference, total

if TYPE_CHECKING:
    from ..credits import Credits

NOTHING = Decimal(0)


class Tally:
    """The credits spent since a first reading. Feed it every reading, in order.

    Where the key would run out first, its own spending counts. Where the account would, others' counts too
    once it is settled: it ends the account's credits just the same.

    Attributes:
        spent: Credits spent as of the newest reading, the key's reservations included.
    """

    def __init__(self, first: Credits) -> None:
        """Start with nothing spent.

        Args:
            first: The reading from which spending counts.
        """
        self.spent = NOTHING
        self._latest = first
        # Sums of the steps of both used counters, and of what both balances fell by.
        self._key = self._key_fell = self._account = self._account_fell = NOTHING
        self._key_moves = self._account_moves = False
        # How far the account is ahead of the key, was at most, and got while the key was binding.
        self._ahead = self._most_ahead = self._left_out = NOTHING

    def record(self, reading: Credits) -> Decimal:
        """Record the next reading; one that is older than the newest is ignored.

        Args:
            reading: The reading.

        Returns:
            Credits spent as of the newest reading.
        """
        if reading.monotonic < self._latest.monotonic:
            return self.spent
        delta = CreditsDelta.between(self._latest, reading)
        self._latest = reading
        self._key_moves = self._key_moves or delta.token > 0
        self._account_moves = self._account_moves or delta.user > 0
        key_fell = total((self._key_fell, delta.token_drop))
        # It rises by more than it fell where the limit was raised.
        self._key_fell = self._key_fell if key_fell < 0 else key_fell
        self._account_fell = max(total((self._account_fell, delta.user_drop)), NOTHING)
        # Used credits that fall while the balance doesn't rise were set back.
        self._account = total((self._account, max(delta.user, min(delta.user_drop, NOTHING))))
        self._key = total((self._key, self._step_of_key(delta, reading)))
        key, account = self._spent_by_key(reading), self._spent_by_account()
        self.spent = total((key, self._beside(key, account, reading)))
        return self.spent

    def _spent_by_account(self) -> Decimal:
        return self._account if self._account_moves else self._account_fell

    def _spent_by_key(self, reading: Credits) -> Decimal:
        if self._key_moves or reading.token.unlimited:
            return self._key
        # Its used credits stand still. It can't have spent more than its account: the rest is a lower limit.
        return max(min(self._key_fell, self._spent_by_account()), NOTHING)

    def _step_of_key(self, delta: CreditsDelta, reading: Credits) -> Decimal:
        """Return what the key spent in a step; less than 0 if a call settled for less."""
        if delta.token >= 0:
            return delta.token
        left, used = total((self._key, delta.token)), reading.token.used
        fell = max(delta.user_drop, NOTHING)
        # Below what it was before all this, it was set back to 0; or an earlier call settled for less. If it
        # began at 0, what is left must cover what the account has settled, but for what others may have.
        began_at_zero = difference(used, left) == 0
        is_covered = difference(total((left, self._most_ahead)), self._account) >= 0
        if left >= 0 and (not began_at_zero or used > fell or is_covered):
            return delta.token
        return min(max(used, NOTHING), fell) if used < -delta.token else NOTHING

    def _beside(self, key: Decimal, account: Decimal, reading: Credits) -> Decimal:
        """Return what counts of the account's spending beside the key's."""
        ahead = max(difference(account, key), NOTHING)
        if reading.binding == "token":
            self._left_out = total((self._left_out, max(difference(ahead, self._ahead), NOTHING)))
        self._ahead, self._most_ahead = ahead, max(self._most_ahead, ahead)
        self._left_out = min(self._left_out, ahead)
        return difference(ahead, self._left_out)
