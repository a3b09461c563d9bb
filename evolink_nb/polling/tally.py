"""What was spent since a first reading, as the card shows it. Pure.

The sums of a counter's steps telescope: once all counters show a call, it doesn't matter how many readings
were taken in between or which counter showed it first. Two sums are kept, of the key's and of the account's
used credits. The key's includes reservations, the account's includes what other keys spend. The larger one
counts. Changes that aren't spending, such as a counter that was set back, are left out.

`evolink_nb.polling.spending` sums for budgets, and assumes more spending if the readings can't tell. Here a
call that settles for less counts as less, whichever counter shows that first.
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

    If the key would run out first, only its own spending counts. If the account would, other keys' settled
    spending counts too, because it uses up the same credits.

    Attributes:
        spent: Credits spent as of the newest reading, including the key's reservations.
    """

    def __init__(self, first: Credits) -> None:
        """Start with nothing spent.

        Args:
            first: The reading from which spending counts.
        """
        self.spent = NOTHING
        self._latest = first
        # Sums of the steps of both used counters, and of the falls of both balances.
        self._key = self._key_fell = self._account = self._account_fell = NOTHING
        self._key_moves = self._account_moves = False
        # How far the account is ahead of the key, has been at most, and got ahead while the key was binding.
        self._ahead = self._most_ahead = self._left_out = NOTHING

    def record(self, reading: Credits) -> Decimal:
        """Record the next reading; ignore one that is older than the newest.

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
        # The key's balance rose by more than it had fallen: its limit was raised.
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
        # Its used credits stand still. It can't have spent more than its account: any more is a lowered
        # limit.
        return max(min(self._key_fell, self._spent_by_account()), NOTHING)

    def _step_of_key(self, delta: CreditsDelta, reading: Credits) -> Decimal:
        """Return what the key spent in a step; less than 0 if a call settled for less."""
        if delta.token >= 0:
            return delta.token
        left, used = total((self._key, delta.token)), reading.token.used
        fell = max(delta.user_drop, NOTHING)
        # A counter that falls below its first value was set back to 0, or an earlier call settled for less.
        # If it began at 0, the rest must cover what the account has settled, except what others may have
        # settled.
        began_at_zero = difference(used, left) == 0
        is_covered = difference(total((left, self._most_ahead)), self._account) >= 0
        if left >= 0 and (not began_at_zero or used > fell or is_covered):
            return delta.token
        return min(max(used, NOTHING), fell) if used < -delta.token else NOTHING

    def _beside(self, key: Decimal, account: Decimal, reading: Credits) -> Decimal:
        """Return the part of the account's spending that counts in addition to the key's."""
        ahead = max(difference(account, key), NOTHING)
        if reading.binding == "token":
            self._left_out = total((self._left_out, max(difference(ahead, self._ahead), NOTHING)))
        self._ahead, self._most_ahead = ahead, max(self._most_ahead, ahead)
        self._left_out = min(self._left_out, ahead)
        return difference(ahead, self._left_out)
