"""The lease of a key: one holder at a time, by the database's clock; an earlier one writes nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from evolink_nb.errors import APIStatusError, AuthenticationError, RateLimitError
from evolink_nb.history.sharing.leases import LIFE, find_lease, publish, release, take_lease
from evolink_nb.history.storage.deleting import delete_key
from evolink_nb.history.storage.store import Store
from tests.support.histories import reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from evolink_nb.history.storage.location import Location

KEY = "f" * 32
EVERY = 2_000
"""An interval, in milliseconds."""
NOW = 1_800_000_000_000


@pytest.fixture
def connection(team: Location) -> Iterator[Connection]:
    """A connection in a transaction that may write."""
    with Store(team).begin() as connection:
        yield connection


def take(connection: Connection, holder: str, *, now: int = NOW, every: int = EVERY) -> int | None:
    return take_lease(connection, KEY, holder, every=every, now=now)


def test_the_first_process_gets_it(connection: Connection) -> None:
    assert find_lease(connection, KEY) is None
    assert take(connection, "a:1:x") == 1
    assert take(connection, "b:1:x") is None


def test_its_holder_renews_it(connection: Connection) -> None:
    take(connection, "a:1:x")
    assert take(connection, "a:1:x", now=NOW + EVERY) == 2
    assert take(connection, "b:1:x", now=NOW + EVERY + round(EVERY * LIFE) - 1) is None


def test_it_expires_in_time(connection: Connection) -> None:
    take(connection, "a:1:x")
    assert take(connection, "b:1:x", now=NOW + round(EVERY * LIFE)) == 2
    assert take(connection, "a:1:x", now=NOW + round(EVERY * LIFE) + 1) is None


@pytest.mark.parametrize("minutes", [1, 59, 60, 61])
@pytest.mark.parametrize("is_read", [False, True])
def test_a_clock_set_back_ends_it(connection: Connection, minutes: int, *, is_read: bool) -> None:
    """A file's clock is its machine's, and that may be set."""
    term, then = take(connection, "a:1:x"), NOW - minutes * 60_000
    if is_read and term is not None:
        publish(connection, KEY, term, reading(0, 1), now=NOW + 5, took=3)
    lease = find_lease(connection, KEY)
    assert lease is not None
    assert not lease.is_held(then)
    assert take(connection, "b:1:x", now=then) == 2
    assert take(connection, "c:1:x", now=then) is None


def test_a_clock_set_back_ends_a_wait(connection: Connection) -> None:
    """Though EvoLink has asked everybody to wait: nobody knows any more how long ago that was."""
    term, then = take(connection, "a:1:x"), NOW - 600_000
    assert term is not None
    publish(connection, KEY, term, RateLimitError("Slow down.", status=429, retry_after=60), now=NOW, took=3)
    lease = find_lease(connection, KEY)
    assert lease is not None
    assert lease.is_held(NOW)
    assert not lease.is_held(then)
    assert take(connection, "b:1:x", now=then) == 2


def test_a_wait_for_the_row_ends_nothing(connection: Connection) -> None:
    """Who asked a moment before the lease was taken sees it only now: its clock isn't behind."""
    term = take(connection, "a:1:x", every=100)
    assert term is not None
    publish(connection, KEY, term, reading(0, 1), now=NOW + 50, took=3)
    lease = find_lease(connection, KEY)
    assert lease is not None
    assert lease.is_held(NOW - 900)
    assert take(connection, "b:1:x", now=NOW - 900, every=100) is None


def test_one_in_more_of_a_hurry_gets_it(connection: Connection) -> None:
    take(connection, "a:1:x")
    assert take(connection, "b:1:x", every=round(EVERY * 0.9)) is None
    assert take(connection, "b:1:x", every=EVERY // 2) == 2
    assert take(connection, "a:1:x") is None


def test_a_dead_holder_has_none(connection: Connection) -> None:
    take(connection, "a:1:x")
    assert take_lease(connection, KEY, "b:1:x", every=EVERY, now=NOW, dead="a:1:x") == 2


def test_a_reading_comes_back_exactly(connection: Connection) -> None:
    term = take(connection, "a:1:x")
    assert term is not None
    taken = reading(0, Decimal("0.12345"), simulated=True)
    assert publish(connection, KEY, term, taken, now=NOW + 5, took=3)
    lease = find_lease(connection, KEY)
    assert lease is not None
    assert (lease.read_at, lease.took, lease.holder) == (NOW + 5, 3, "a:1:x")
    assert lease.outcome is not None
    assert (lease.outcome.token, lease.outcome.user) == (taken.token, taken.user)  # type: ignore[union-attr]
    assert lease.outcome.simulated  # type: ignore[union-attr]


def test_an_earlier_holder_writes_nothing(connection: Connection) -> None:
    term = take(connection, "a:1:x")
    assert term is not None
    take(connection, "b:1:x", now=NOW + EVERY * 2)
    assert not publish(connection, KEY, term, reading(0, 1), now=NOW + EVERY * 2, took=3)
    lease = find_lease(connection, KEY)
    assert lease is not None
    assert lease.outcome is None


@pytest.mark.parametrize(
    "error",
    [
        RateLimitError("Slow down.", status=429, retry_after=42.5, request_id="r-1", hint="Wait."),
        AuthenticationError("Invalid or expired token", status=401, code=401, type="authentication_error"),
        APIStatusError("I'm a teapot", status=418),
    ],
)
def test_an_error_comes_back_whole(connection: Connection, error: APIStatusError) -> None:
    term = take(connection, "a:1:x")
    assert term is not None
    error.asks_to_wait = error.retry_after is not None
    publish(connection, KEY, term, error, now=NOW, took=3)
    lease = find_lease(connection, KEY)
    assert lease is not None
    assert type(lease.outcome) is type(error)
    assert vars(lease.outcome) == vars(error)


def test_nobody_asks_before_it_is_allowed(connection: Connection) -> None:
    term = take(connection, "a:1:x")
    assert term is not None
    publish(connection, KEY, term, RateLimitError("Slow down.", status=429, retry_after=60), now=NOW, took=3)
    assert take(connection, "b:1:x", now=NOW + 60_000) is None
    assert take(connection, "b:1:x", now=NOW + 60_000 + EVERY * 2) == 2


def test_a_released_one_is_free(connection: Connection) -> None:
    term = take(connection, "a:1:x")
    assert term is not None
    release(connection, KEY, term)
    assert take(connection, "b:1:x") == 2


def test_a_forgotten_key_has_none(connection: Connection) -> None:
    """What its holder read last goes with all else that there is of the key."""
    take(connection, "a:1:x")
    delete_key(connection, KEY)
    assert find_lease(connection, KEY) is None
    assert take(connection, "b:1:x") == 1
