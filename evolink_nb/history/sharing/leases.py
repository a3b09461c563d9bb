"""Which process reads a key for all the others: a row of ``leases``, using only the database's clock.

A lease is held until it expires. Each holder has its own *term*, and writes by earlier holders are refused.
PostgreSQL's advisory locks aren't used, because PgBouncer may give one to two clients at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, null, or_, select, update

from ... import errors
from ...credits import Credits, TokenCredits, UserCredits
from ..storage.writing import inserting
from ..tables.amounts import Packed, pack, unpack
from ..tables.records import moment
from ..tables.schema import AMOUNTS, LEASES

LIFE = 1.75
"""How long a lease lasts, in intervals of its holder, which renews it at each reading."""
MAX_WAIT = 1_800_000
"""The longest an answer from EvoLink may keep all processes from asking again, in milliseconds."""
MAX_AHEAD = 1_000
"""Milliseconds that a lease may be ahead of a process that looks at it, which may have waited for its row."""
SOONER = 0.8
"""A process takes the lease over if its interval is shorter than this fraction of the holder's."""

_ERROR_FIELDS = ("status", "code", "type", "param", "suggestion", "request_id", "retry_after", "hint")


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as stored in the database.

    Attributes:
        holder: The process that reads.
        term: Counts the holders.
        expires_at: When it expires, in milliseconds since 1970.
        every: The holder's interval, in milliseconds.
        read_at: When the newest reading or error arrived; None before the first.
        took: Milliseconds from its request until then.
        outcome: The reading or the error; None before the first.
    """

    holder: str
    term: int
    expires_at: int
    every: int
    read_at: int | None = None
    took: int = 0
    outcome: Credits | errors.EvoLinkError | None = None

    def is_held(self, now: int) -> bool:
        """Return whether the lease is in force.

        Args:
            now: The time by the database's clock, in milliseconds since 1970.
        """
        return now < self.expires_at and not self._is_ahead(now)

    def may_be_taken(self, holder: str, *, every: int, now: int) -> bool:
        """Return whether `take_lease` would give the lease to a process, as far as this copy of it shows.

        Args:
            holder: The process.
            every: Its interval, in milliseconds.
            now: The time by the database's clock, in milliseconds since 1970.
        """
        return self.holder == holder or not self.is_held(now) or self.every * SOONER > every

    def _is_ahead(self, now: int) -> bool:
        """Return whether the clock was set back since the lease was taken, as `_are_ahead` does in SQL."""
        latest = now + self.every + MAX_AHEAD
        has_failed = isinstance(self.outcome, errors.EvoLinkError)
        is_read_later = self.read_at is not None and self.read_at > latest
        return is_read_later or (not has_failed and self.expires_at > latest + LIFE * self.every)


def find_lease(connection: Connection, fingerprint: str) -> Lease | None:
    """Return the lease of a key; None if no process has had one yet.

    Args:
        connection: A connection in a transaction.
        fingerprint: The key's fingerprint.
    """
    row = connection.execute(select(LEASES).where(LEASES.c.fingerprint == fingerprint)).mappings().first()
    return None if row is None else _lease_of(row)


def take_lease(
    connection: Connection, fingerprint: str, holder: str, *, every: int, now: int, dead: str = ""
) -> int | None:
    """Take or renew the lease of a key.

    Args:
        connection: A connection in a transaction that may write.
        fingerprint: The key's fingerprint.
        holder: The process that takes it.
        every: The interval of that process, in milliseconds.
        now: The time by the database's clock, in milliseconds since 1970.
        dead: A holder that is known to be gone.

    Returns:
        The term; None if another process holds it.
    """
    expires_at = now + round(LIFE * every)
    may = or_(
        LEASES.c.holder.in_((holder, dead)),
        LEASES.c.expires_at <= now,
        *_are_ahead(now),
        LEASES.c.every * SOONER > every,
    )
    values = {"holder": holder, "term": LEASES.c.term + 1, "expires_at": expires_at, "every": every}
    # If the clock has been set back since the last reading, its age is unknown: drop it.
    kept = {name: case((_is_read_later(now), null()), else_=LEASES.c[name]) for name in ("read_at", "error")}
    taking = update(LEASES).where(LEASES.c.fingerprint == fingerprint, may).values(**values, **kept)
    term = connection.execute(taking.returning(LEASES.c.term)).scalar()
    if term is None:
        first = {**values, "fingerprint": fingerprint, "term": 1}
        adding = inserting(connection, LEASES).values(**first).on_conflict_do_nothing()
        term = connection.execute(adding.returning(LEASES.c.term)).scalar()
    found: int | None = term
    return found


def publish(
    connection: Connection,
    fingerprint: str,
    term: int,
    outcome: Credits | errors.APIStatusError,
    *,
    now: int,
    took: int,
) -> bool:
    """Publish the outcome of a read by the holder of a lease.

    Args:
        connection: A connection in a transaction that may write.
        fingerprint: The key's fingerprint.
        term: The holder's term.
        outcome: The reading, or the error that every process would get.
        now: The time by the database's clock, in milliseconds since 1970.
        took: Milliseconds from the request until then.

    Returns:
        Whether it was published; False if the lease has passed to another process meanwhile.
    """
    values: dict[str, Any] = {"read_at": now, "took": took, "error": None}
    if isinstance(outcome, Credits):
        values |= _reading_values(outcome)
    else:
        values["error"] = _error_text(outcome)
        # No process asks again before the server allows it.
        wait = round((outcome.retry_after or 0.0) * 1000)
        values["expires_at"] = LEASES.c.expires_at + min(wait, MAX_WAIT)
    mine = (LEASES.c.fingerprint == fingerprint, LEASES.c.term == term)
    return connection.execute(update(LEASES).where(*mine).values(**values)).rowcount > 0


def release(connection: Connection, fingerprint: str, term: int) -> None:
    """Let another process read.

    Args:
        connection: A connection in a transaction that may write.
        fingerprint: The key's fingerprint.
        term: The holder's term.
    """
    mine = (LEASES.c.fingerprint == fingerprint, LEASES.c.term == term)
    connection.execute(update(LEASES).where(*mine).values(expires_at=0))


def _are_ahead(now: int) -> tuple[ColumnElement[bool], ...]:
    """Return SQL conditions that show that the clock was set back since a lease was taken.

    Such a lease must not delay anyone. A file's clock is the machine's. If EvoLink has asked to wait, a lease
    may expire much later than it was taken, but then ``read_at`` shows when that was.
    """
    expires_later = LEASES.c.expires_at > LEASES.c.every * (1 + LIFE) + now + MAX_AHEAD
    return _is_read_later(now), and_(LEASES.c.error.is_(None), expires_later)


def _is_read_later(now: int) -> ColumnElement[bool]:
    return LEASES.c.read_at > LEASES.c.every + now + MAX_AHEAD


def _lease_of(row: Mapping[Any, Any]) -> Lease:
    outcome: Credits | errors.EvoLinkError | None = None
    if row["error"] is not None:
        outcome = _error_of(row["error"])
    elif row["read_at"] is not None:
        outcome = _reading_of(row)
    same = ("holder", "term", "expires_at", "every", "read_at")
    return Lease(**{name: row[name] for name in same}, took=row["took"] or 0, outcome=outcome)


def _reading_values(reading: Credits) -> dict[str, Any]:
    token, user = reading.token, reading.user
    packed = pack((token.remaining, token.used, user.remaining, user.used))
    return {
        **dict(zip(AMOUNTS, packed.integers, strict=True)),
        "unlimited": token.unlimited,
        "simulated": reading.simulated,
        "scale": packed.scale,
        "exact": packed.exact,
    }


def _reading_of(row: Mapping[Any, Any]) -> Credits:
    packed = Packed(tuple(row[name] for name in AMOUNTS), row["scale"], row["exact"])
    token_remaining, token_used, remaining, used = (each or Decimal(0) for each in unpack(packed))
    return Credits(
        TokenCredits(token_remaining, token_used, bool(row["unlimited"])),
        UserCredits(remaining, used),
        read_at=moment(row["read_at"]),
        simulated=bool(row["simulated"]),
    )


def _error_text(error: errors.APIStatusError) -> str:
    fields = {name: getattr(error, name) for name in _ERROR_FIELDS}
    asks = error.asks_to_wait
    return json.dumps({"kind": type(error).__name__, "message": error.message, "asks": asks, **fields})


def _error_of(text: str) -> errors.EvoLinkError:
    fields = json.loads(text)
    kind: Any = getattr(errors, fields.pop("kind"), None)
    asks = fields.pop("asks")
    is_known = isinstance(kind, type) and issubclass(kind, errors.APIStatusError)
    error: errors.APIStatusError = (kind if is_known else errors.APIStatusError)(**fields)
    error.asks_to_wait = asks
    return error
