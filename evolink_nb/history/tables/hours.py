"""Summaries of an hour's readings. Pure.

Spending is the sum of the steps of the used counters. A counter that falls gives credits back if the
account's balance rises with it; otherwise it was set back. A top-up is a rise of remaining plus used credits
above their maximum in this hour and the one before; reservations only lower that sum.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from ...credits import Credits, CreditsDelta, difference, total

if TYPE_CHECKING:
    from .selection import Point

NOTHING = Decimal(0)
_MILLISECONDS = 3_600_000


@dataclass(slots=True)
class Hour:
    """One hour of one key.

    Attributes:
        hour: Its number, in hours since 1970.
        readings: The number of readings.
        first_at: When its first reading was taken, in milliseconds since 1970.
        last_at: When its last reading was taken, in milliseconds since 1970.
        last: Its last reading.
        most_granted: The maximum of the account's remaining plus used credits.
        token_spent: Credits that the key spent since the reading before the hour; negative if given back.
        user_spent: Credits that the account spent.
        topped_up: Credits added to the account.
        longest_gap: The longest time without a reading that ended in it, in milliseconds.
    """

    hour: int
    readings: int
    first_at: int
    last_at: int
    last: Credits
    most_granted: Decimal
    token_spent: Decimal = NOTHING
    user_spent: Decimal = NOTHING
    topped_up: Decimal = NOTHING
    longest_gap: int = 0

    def add(self, before: Point | None, point: Point) -> None:
        """Count a reading.

        Args:
            before: The reading before it; None if it is the key's first.
            point: The reading, later than all those counted so far.
        """
        self.readings += 1
        self.last_at, self.last = point.at, point.credits
        granted = point.credits.user.total
        if before is not None:
            token, user = steps(before.credits, point.credits)
            self.token_spent = total((self.token_spent, token))
            self.user_spent = total((self.user_spent, user))
            added = difference(granted, self.most_granted)
            self.topped_up = total((self.topped_up, max(added, NOTHING)))
            self.longest_gap = max(self.longest_gap, point.at - before.at)
        self.most_granted = max(self.most_granted, granted)


def hour_of(at: int) -> int:
    """Return the number of the hour that a moment is in.

    Args:
        at: Milliseconds since 1970.
    """
    return at // _MILLISECONDS


def begin_of(hour: int) -> int:
    """Return when an hour begins, in milliseconds since 1970.

    Args:
        hour: Its number.
    """
    return hour * _MILLISECONDS


def begin_hour(point: Point, before: Point | None, most_granted: Decimal | None) -> Hour:
    """Return an hour that has no readings yet.

    Args:
        point: The reading that will be its first.
        before: The key's last reading before that, if any.
        most_granted: ``most_granted`` of the last earlier hour with readings, if any.
    """
    granted = point.credits.user.total if before is None else before.credits.user.total
    most = granted if most_granted is None else max(granted, most_granted)
    return Hour(hour_of(point.at), 0, point.at, point.at, point.credits, most)


def sum_up(
    points: Iterable[Point], before: Point | None, hour: Hour | None, most_granted: Decimal | None
) -> list[Hour]:
    """Return the hours of consecutive readings.

    Args:
        points: The readings, in order.
        before: The key's last reading before them, if any.
        hour: The hour to continue, which that reading is in; None to begin with a new hour.
        most_granted: ``most_granted`` of the hour before the first one, if any.

    Returns:
        The hours that have changed.
    """
    found: list[Hour] = []
    for point in points:
        if hour is None or hour.hour != hour_of(point.at):
            most = most_granted if hour is None else hour.most_granted
            hour = begin_hour(point, before, most)
        if not found or found[-1] is not hour:
            found.append(hour)
        hour.add(before, point)
        before = point
    return found


def steps(earlier: Credits, later: Credits) -> tuple[Decimal, Decimal]:
    """Return what the key and the account spent from one reading to the next.

    Args:
        earlier: The first reading.
        later: The second one.

    Returns:
        The credits of each; negative if earlier calls were given back.
    """
    delta = CreditsDelta.between(earlier, later)
    # Used credits that fall while the balance doesn't rise were set back.
    is_given_back = delta.user_drop < 0
    token = delta.token if delta.token >= 0 or is_given_back else NOTHING
    user = delta.user if delta.user >= 0 or is_given_back else NOTHING
    return token, user
