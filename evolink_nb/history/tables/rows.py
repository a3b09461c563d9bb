"""Rows of the tables as values, and values as rows."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ...credits import Credits, TokenCredits, UserCredits
from .amounts import Packed, pack, unpack
from .hours import Hour
from .records import CostRecord, milliseconds, moment
from .schema import AMOUNTS, COST_AMOUNTS
from .selection import Point

_OF_HOUR = (*AMOUNTS, "most_granted", "token_spent", "user_spent", "topped_up")
_SAME_IN_COST = ("kind", "work", "name", "notebook", "kernel", "username", "items", "within")
_JUDGED = ("settled", "confidence", "reason", "simulated")


def reading_row(key_id: int, point: Point) -> dict[str, Any]:
    """Return a reading as a row of ``readings``.

    Args:
        key_id: The number of its key.
        point: The reading.
    """
    packed = pack(_amounts(point.credits))
    return {
        "key_id": key_id,
        "at": point.at,
        **dict(zip(AMOUNTS, packed.integers, strict=True)),
        "unlimited": point.credits.token.unlimited,
        "scale": packed.scale,
        "exact": packed.exact,
    }


def point_of(row: Mapping[Any, Any], *, simulated: bool = False) -> Point:
    """Return a row of ``readings`` as a reading.

    Args:
        row: The row.
        simulated: Whether its key is the demo account's.
    """
    packed = Packed(tuple(row[name] for name in AMOUNTS), row["scale"], row["exact"])
    return Point(row["at"], _credits(unpack(packed), row, row["at"], simulated=simulated))


def hour_row(key_id: int, hour: Hour) -> dict[str, Any]:
    """Return an hour as a row of ``hours``.

    Args:
        key_id: The number of its key.
        hour: The hour.
    """
    sums = (hour.most_granted, hour.token_spent, hour.user_spent, hour.topped_up)
    packed = pack((*_amounts(hour.last), *sums))
    return {
        "key_id": key_id,
        "hour": hour.hour,
        "readings": hour.readings,
        "first_at": hour.first_at,
        "last_at": hour.last_at,
        **dict(zip(_OF_HOUR, packed.integers, strict=True)),
        "unlimited": hour.last.token.unlimited,
        "longest_gap": hour.longest_gap,
        "scale": packed.scale,
        "thinned": False,
    }


def hour_of_row(row: Mapping[Any, Any]) -> Hour:
    """Return a row of ``hours`` as an hour.

    Args:
        row: The row.
    """
    amounts = unpack(Packed(tuple(row[name] for name in _OF_HOUR), row["scale"]))
    most_granted, token_spent, user_spent, topped_up = (each or Decimal(0) for each in amounts[4:])
    return Hour(
        hour=row["hour"],
        readings=row["readings"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        last=_credits(amounts[:4], row, row["last_at"]),
        most_granted=most_granted,
        token_spent=token_spent,
        user_spent=user_spent,
        topped_up=topped_up,
        longest_gap=row["longest_gap"],
    )


def cost_row(record: CostRecord, key_id: int | None, offset: int = 0) -> dict[str, Any]:
    """Return a cost as a row of ``costs``.

    Args:
        record: The cost.
        key_id: The number of the key it was measured with, if known.
        offset: How far the database's clock is ahead of this machine's, in milliseconds.
    """
    packed = pack((record.token, record.user, record.others, record.topped_up, record.together))
    return {
        "id": record.number,
        "key_id": key_id,
        **{name: getattr(record, name) for name in (*_SAME_IN_COST, *_JUDGED)},
        "began_at": milliseconds(record.began_at) + offset,
        "milliseconds": round(record.seconds * 1000),
        **dict(zip(COST_AMOUNTS, packed.integers, strict=True)),
        "together_label": record.together_label or None,
        "scale": packed.scale,
        "exact": packed.exact,
    }


def cost_of_row(row: Mapping[Any, Any]) -> CostRecord:
    """Return a row of ``costs`` as a cost without a source; the row's ``key_id`` has that.

    Args:
        row: The row.
    """
    packed = Packed(tuple(row[name] for name in COST_AMOUNTS), row["scale"], row["exact"])
    token, user, others, topped_up, together = unpack(packed)
    return CostRecord(
        number=row["id"],
        source=None,
        **{name: row[name] for name in (*_SAME_IN_COST, *_JUDGED)},
        began_at=moment(row["began_at"]),
        seconds=row["milliseconds"] / 1000,
        token=token,
        user=user,
        others=others,
        topped_up=topped_up,
        together=together,
        together_label=row["together_label"] or "",
    )


def _amounts(credits: Credits) -> tuple[Decimal, ...]:
    return credits.token.remaining, credits.token.used, credits.user.remaining, credits.user.used


def _credits(
    amounts: tuple[Decimal | None, ...], row: Mapping[Any, Any], at: int, *, simulated: bool = False
) -> Credits:
    token_remaining, token_used, user_remaining, user_used = (each or Decimal(0) for each in amounts)
    return Credits(
        TokenCredits(token_remaining, token_used, bool(row["unlimited"])),
        UserCredits(user_remaining, user_used),
        read_at=moment(at),
        simulated=simulated,
    )
