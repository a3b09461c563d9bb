"""What a history knows of each key and user at one moment, in both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from evolink_nb.history import looking_back
from evolink_nb.history.queries.snapshot import MAX_USERS, OTHER_USERS, Snapshot, snapshot
from tests.support.histories import cost, reading, source

if TYPE_CHECKING:
    from evolink_nb.history.storage.writer import Writer


def keep(writer: Writer, minutes_ago: float, used: Decimal | int | str, *, key: str = "key") -> None:
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    writer.record_reading(source(key, label=f"{key}'s"), replace(reading(0, used), read_at=at))


def taken(*since: datetime) -> Snapshot:
    return looking_back.read(lambda connection: snapshot(connection, since))


def test_an_empty_history_knows_nothing(writer: Writer) -> None:
    del writer
    found = taken()
    assert (found.keys, found.users) == ([], {})


def test_a_key_has_its_newest_reading(writer: Writer) -> None:
    keep(writer, 90, 100)
    keep(writer, 30, "110.5")
    keep(writer, 0, "112.5")
    found = taken()
    (figures,) = found.keys
    assert (figures.key, figures.simulated) == ("key's", False)
    assert figures.credits.token.used == Decimal("112.5")
    assert abs((found.taken_at - figures.read_at).total_seconds()) < 60
    assert figures.burn_per_hour == Decimal("12.5")
    assert figures.runway == float(Decimal("887.5") / Decimal("12.5") * 3600)


def test_nothing_spent_lasts_for_ever(writer: Writer) -> None:
    keep(writer, 30, 1)
    keep(writer, 0, 1)
    (figures,) = taken().keys
    assert figures.runway == float("inf")


def test_periods_count_from_their_start(writer: Writer) -> None:
    now = datetime.now(UTC)
    keep(writer, 60 * 30, 0)
    keep(writer, 60 * 20, 5)
    keep(writer, 0, 7)
    (figures,) = taken(now - timedelta(days=2), now - timedelta(hours=10)).keys
    assert figures.in_periods == (Decimal(7), Decimal(2))


def test_users_are_told_apart(writer: Writer) -> None:
    minutes = (datetime.now(UTC) - datetime(2026, 11, 2, 12, tzinfo=UTC)) / timedelta(minutes=1)
    for name, amount in (("ada", "1.5"), ("ada", 2), ("bob", 1)):
        writer.record_cost(cost(amount, minutes=minutes - 90, username=name))
    found = taken()
    assert found.users["ada"] == {"1h": 0, "1d": Decimal("3.5"), "7d": Decimal("3.5")}
    assert found.users["bob"]["1d"] == 1


def test_users_are_bounded(writer: Writer) -> None:
    minutes = (datetime.now(UTC) - datetime(2026, 11, 2, 12, tzinfo=UTC)) / timedelta(minutes=1)
    for number in range(MAX_USERS + 5):
        writer.record_cost(cost(number + 1, minutes=minutes - 5, username=f"user {number}"))
    found = taken()
    assert len(found.users) == MAX_USERS + 1
    # The cheapest five.
    assert found.users[OTHER_USERS]["1d"] == 1 + 2 + 3 + 4 + 5
