"""Accounts whose counters are late, cached, batched, stand still or are shared, in simulated time.

A reading is a sum over what has happened and is visible by then. No thread, no clock, no server.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Literal

from evolink_nb.credits import Credits, TokenCredits, UserCredits, total
from tests.support.clock import BEGINNING

Counter = Literal["token", "user", "balance"]
COUNTERS: tuple[Counter, ...] = ("token", "user", "balance")
LATENCY = 0.1
"""Seconds that a reading takes."""

KINDS = (
    "prompt",
    "settles later",
    "batches",
    "late together",
    "late one to another",
    "cached",
    "replicas",
    "charged afterwards",
    "refunds",
    "dust",
    "resets",
    "limit changed",
    "limit removed",
    "top-ups",
    "used stands still",
    "key stands still",
    "readings fail",
    "other keys",
    "same key elsewhere",
    "very late",
)
"""The kinds of account. Only in the last is a charge later than the quiet time."""
PROMPT = frozenset({"prompt", "dust", "resets", "limit changed", "limit removed", "refunds", "readings fail"})
"""Those that settle within 3 s."""
FAILURES = 0.3
"""The share of readings that fail where they do."""


@dataclass(frozen=True)
class Change:
    """A change of one counter."""

    at: float
    counter: Counter
    amount: Decimal
    call: int = 0


@dataclass
class LateAccount:
    """One account of a kind.

    Attributes:
        kind: One of `KINDS`.
        chance: Where everything random comes from.
        cancelled: The calls of which a charge, and what another one got back as a settlement for less or a
            refund, were seen first in the same reading, and came to nothing or to one smaller charge: nobody
            can see that.
    """

    kind: str
    chance: random.Random
    changes: list[Change] = field(default_factory=list)
    resets: list[float] = field(default_factory=list)
    limits: list[tuple[float, Decimal]] = field(default_factory=list)
    cancelled: set[int] = field(default_factory=set)
    _cached_at: float = -100.0
    _calls: int = 0
    _shown: set[Change] = field(default_factory=set)

    def __post_init__(self) -> None:
        lag = self.chance.uniform(0.3, 5.5)
        self.lags = dict.fromkeys(COUNTERS, 0.0)
        if self.kind == "late together":
            self.lags = dict.fromkeys(COUNTERS, lag)
        elif self.kind == "late one to another":
            self.lags = {counter: self.chance.uniform(0, 5.5) for counter in COUNTERS}
        elif self.kind == "very late":
            self.lags = dict.fromkeys(COUNTERS, self.chance.uniform(6.5, 10))
        self._phase = self.chance.uniform(0, 5)

    # -- what happens -----------------------------------------------------------------------------------

    def move(self, at: float, **amounts: Decimal) -> None:
        """Move counters: ``token`` and ``user`` are used credits, ``balance`` falls."""
        for counter in COUNTERS:
            if counter in amounts:
                self.changes.append(Change(at, counter, amounts[counter], self._calls))

    def call(self, at: float, price: Decimal, cost: Decimal) -> int:
        """Charge a call of this key as this kind of account does: reserve, then settle. Return its number."""
        self._calls += 1
        settles = self.chance.uniform(2, 8)
        if self.kind in PROMPT:
            settles = self.chance.choice([0.0, self.chance.uniform(0.2, 3)])
        if self.kind == "charged afterwards":
            late = self.chance.uniform(0.3, 5.5)
            self.move(at + late, token=cost, user=cost, balance=cost)
            return self._calls
        self.move(at, token=price, balance=price)
        self.move(at + settles, token=cost - price, user=cost, balance=cost - price)
        return self._calls

    def spend(self, at: float, amount: Decimal, *, own: bool = False) -> None:
        """Spend and settle at once, by another key unless it is the own."""
        self._calls += 1
        self.move(at, user=amount, balance=amount, **({"token": amount} if own else {}))

    # -- what is seen -----------------------------------------------------------------------------------

    def read(self, now: float) -> Credits | None:
        """Return the reading requested at a time; None if it failed."""
        if self.kind == "readings fail" and self.chance.random() < FAILURES:
            return None
        served = now + LATENCY / 2
        seen = {counter: self._seen(counter, served) for counter in COUNTERS}
        shown = [change for change in self.changes if change.at <= seen[change.counter]]
        self._note_cancelling(shown)
        sums = {
            counter: total(change.amount for change in shown if change.counter == counter)
            for counter in COUNTERS
        }
        noise = Decimal(self.chance.randint(-9, 9)).scaleb(-13) if self.kind == "dust" else Decimal(0)
        return Credits(
            self._token(sums["token"], served, noise),
            UserCredits(Decimal("1095.3996") - sums["balance"] - noise, Decimal("135.9048") + sums["user"]),
            BEGINNING + timedelta(seconds=now),
            requested_at=now,
            monotonic=now + LATENCY,
        )

    def _token(self, spent: Decimal, served: float, noise: Decimal) -> TokenCredits:
        used, unlimited = Decimal("583.5571"), False
        remaining = total([Decimal("99416.4429"), *(amount for at, amount in self.limits if at <= served)])
        if self.kind == "key stands still":
            return TokenCredits(Decimal(0), used, unlimited=True)
        if self.kind == "limit removed":
            unlimited = any(at <= served for at, _ in self.limits)
            remaining = Decimal(0) if unlimited else Decimal("99416.4429")
        if self.kind != "used stands still":
            used += spent
        for at in self.resets:
            if at <= served:
                used -= Decimal(500)
        return TokenCredits(remaining if unlimited else remaining - spent + noise, used - noise, unlimited)

    def _note_cancelling(self, shown: list[Change]) -> None:
        new = [change for change in shown if change not in self._shown and change.amount]
        self._shown.update(new)
        sums = set()
        for counter in COUNTERS:
            moved: dict[int, Decimal] = {}
            for change in new:
                if change.counter == counter:
                    moved[change.call] = total((moved.get(change.call, Decimal(0)), change.amount))
            back = {-amount for amount in moved.values()} & set(moved.values()) - {Decimal(0)}
            self.cancelled |= {call for call, amount in moved.items() if amount in back or -amount in back}
            sums.add(total(moved.values()))
        # All counters rose by the same: that looks like a charge, whatever it is made of.
        if len(sums) == 1 and min(sums) > 0 > min(change.amount for change in new):
            self.cancelled.update(change.call for change in new)

    def _seen(self, counter: Counter, served: float) -> float:
        """Return the time whose state is served, after which everything is still invisible."""
        if self.kind == "batches":
            return served - (served - self._phase) % 5.0
        if self.kind == "cached":
            if served - self._cached_at > 4.0:
                self._cached_at = served
            return self._cached_at
        if self.kind == "replicas" and counter == COUNTERS[0]:
            self.lags = dict.fromkeys(COUNTERS, self.chance.choice([0.0, self._phase]))
        return served - self.lags[counter]
