"""A simulated EvoLink account: calls reserve credits, and settle a little later, sometimes for less.

All amounts are credits, exact to four decimals. The account has no thread of its own: what is due settles
whenever someone looks. Time is read from the given clock, so a test can drive it.
"""

from __future__ import annotations

import heapq
import random
import threading
import time
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .ledger import LARGEST_BALANCE, Amount, ApiKey, OutOfCreditsError, Reservation, exact, positive
from .tasks import ChatCompletion, Task, TaskReport, chat_price, price_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEED = 20
"""The seed unless told otherwise: a newcomer's first images are made, the second task settling for less."""

OWN_KEY = "own"
OTHER_KEY = "other"


class UnknownTaskError(LookupError):
    """The account has no task of that id."""


class Account:
    """An account with one or more keys, deterministic under its seed and safe to use from many threads.

    The starting figures are in credits. ``settle_after`` is the range, in seconds, from which each call's
    delay is drawn; ``shortfall_rate`` and ``failure_rate`` are the shares of calls that settle for less and
    for nothing. An unlimited key that is frozen reports 0 left and never moves its counters. Without
    ``overdraft``, a call that costs more than is left is refused; with it, only one made with nothing left.
    """

    def __init__(
        self,
        *,
        seed: int = SEED,
        clock: Callable[[], float] = time.monotonic,
        unix_time: Callable[[], float] = time.time,
        user_remaining: Amount = "1095.3996",
        user_used: Amount = "135.9048",
        token_remaining: Amount = "99416.4429",  # noqa: S107 - a token's credits, not a password
        token_used: Amount = "583.5571",  # noqa: S107 - as above
        unlimited: bool = False,
        frozen: bool = False,
        overdraft: bool = True,
        settle_after: tuple[float, float] = (0.5, 3.0),
        shortfall_rate: float = 0.2,
        failure_rate: float = 0.04,
    ) -> None:
        self.seed = seed
        self.settle_after = settle_after
        self._clock = clock
        self._unix_time = unix_time
        self._overdraft = overdraft
        self._shortfall_rate = shortfall_rate
        self._failure_rate = failure_rate
        self._lock = threading.RLock()
        self._user_remaining = exact(user_remaining)
        self._user_used = exact(user_used)
        self._keys: dict[str, ApiKey] = {}
        self._calls = 0
        self._waiting: list[tuple[float, int, Reservation]] = []
        self._settled: list[Reservation] = []
        self._reservations: dict[str, Reservation] = {}
        self._tasks: dict[str, Task] = {}
        self.add_key(OWN_KEY, remaining=token_remaining, used=token_used, unlimited=unlimited, frozen=frozen)
        self.add_key(OTHER_KEY, unlimited=True)

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the account's keys, one's own first."""
        with self._lock:
            return tuple(self._keys)

    @property
    def outstanding(self) -> Decimal:
        """The credits reserved by calls that have not settled yet."""
        with self._looking():
            return sum((reservation.amount for _, _, reservation in self._waiting), Decimal(0))

    @property
    def settled(self) -> tuple[Reservation, ...]:
        """The settled reservations, in the order in which they settled."""
        with self._looking():
            return tuple(self._settled)

    def add_key(
        self,
        name: str,
        *,
        remaining: Amount = 0,
        used: Amount = 0,
        unlimited: bool = False,
        frozen: bool = False,
    ) -> None:
        """Give the account one more key.

        Raises ValueError if the name is taken, or if the key is frozen without being unlimited.
        """
        if frozen and not unlimited:
            raise ValueError("only an unlimited key can have frozen counters")
        with self._lock:
            if name in self._keys:
                raise ValueError(f"the account has a key named {name!r} already")
            left = Decimal(0) if frozen else exact(remaining)
            self._keys[name] = ApiKey(name, left, exact(used), unlimited, frozen)

    def balance(self, key: str = OWN_KEY) -> dict[str, dict[str, Any]]:
        """Give the balance as one key sees it: the API's fields, with Decimal credits.

        Raises KeyError for a key the account does not have.
        """
        with self._looking():
            token = self._keys[key]
            return {
                "token": {
                    "remaining_credits": token.remaining,
                    "used_credits": token.used,
                    "unlimited_credits": token.unlimited,
                },
                "user": {"remaining_credits": self._user_remaining, "used_credits": self._user_used},
            }

    def spendable(self, key: str = OWN_KEY) -> Decimal:
        """Give the credits a key can still spend: the smaller of its own limit and the account's balance."""
        with self._looking():
            token = self._keys[key]
            return self._user_remaining if token.unlimited else min(self._user_remaining, token.remaining)

    def top_up(self, amount: Amount, *, key: str | None = None) -> None:
        """Add credits to the account, and to the limit of a key if one is named.

        Raises ValueError if the amount is not positive or the balance would grow beyond what a double can
        carry, KeyError for a key the account does not have.
        """
        added = positive(amount)
        with self._looking():
            token = None if key is None else self._keys[key]
            balances = [self._user_remaining] + ([token.remaining] if token else [])
            if max(balances) + added > LARGEST_BALANCE:
                raise ValueError(f"the balance cannot grow beyond {LARGEST_BALANCE:,} credits")
            self._user_remaining += added
            if token is not None and not token.frozen:
                token.remaining += added

    def reserve(self, amount: Amount, *, key: str = OWN_KEY, cost: Amount | None = None) -> Reservation:
        """Hold credits for a call that settles after a while.

        The final cost is drawn unless it is given. Raises `OutOfCreditsError` if the call is refused,
        ValueError if the amount is not positive, KeyError for a key the account does not have.
        """
        with self._looking():
            draw = self._next_draw()
            amount = positive(amount)
            if cost is None:
                short = draw.random() < self._shortfall_rate
                cost = amount * draw.randint(1, 9) / 10 if short else amount
            return self._hold(f"reservation-{self._calls}", key, amount, exact(cost), self._draw_delay(draw))

    def spend(self, amount: Amount, *, key: str = OWN_KEY) -> Reservation:
        """Spend credits that settle at once, as `reserve` otherwise."""
        with self._looking():
            self._next_draw()
            spent = positive(amount)
            reservation = self._hold(f"spend-{self._calls}", key, spent, spent, 0.0)
            self._settle_due(self._clock())
            return reservation

    def start_task(self, kind: str, *, model: str, count: int = 1, key: str = OWN_KEY) -> Task:
        """Start the making of ``count`` images, videos or audios, and reserve their price.

        Some tasks make fewer than asked for, some fail and are refunded. Raises as `reserve` does.
        """
        with self._looking():
            draw = self._next_draw()
            letters = "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=8))
            made = count
            if draw.random() < self._failure_rate:
                made = 0
            elif count > 1 and draw.random() < self._shortfall_rate:
                made = draw.randint(1, count - 1)
            price = price_of(kind, model)
            created = int(self._unix_time())
            name = f"task-unified-{created}-{letters}"
            delay = self._draw_delay(draw)
            held = self._hold(name, key, price * count, price * made, delay)
            started = held.settles_at - delay
            task = Task(name, kind, model, created, started, count, made, held.amount, held.settles_at)
            self._tasks[name] = task
            return task

    def complete_chat(self, *, prompt_tokens: int, most_tokens: int, key: str = OWN_KEY) -> ChatCompletion:
        """Answer a chat of so many tokens: reserve for the longest answer, settle for the one given.

        Raises as `reserve` does.
        """
        with self._looking():
            draw = self._next_draw()
            completion_tokens = draw.randint(1, max(1, min(most_tokens, 120)))
            name = f"chatcmpl-{draw.getrandbits(64):016x}"
            amount = chat_price(prompt_tokens, most_tokens)
            cost = chat_price(prompt_tokens, completion_tokens)
            self._hold(name, key, exact(amount), exact(cost), self._draw_delay(draw))
            return ChatCompletion(name, int(self._unix_time()), prompt_tokens, completion_tokens)

    def task(self, task_id: str) -> TaskReport:
        """Tell how far a task has come.

        Raises `UnknownTaskError` if the account has no such task.
        """
        with self._looking() as now:
            if task_id not in self._tasks:
                raise UnknownTaskError(task_id)
            return self._tasks[task_id].report(now, settled=self._reservations[task_id].settled)

    def settle_all(self) -> None:
        """Settle every outstanding call now, and so finish every task."""
        with self._lock:
            self._settle_due(float("inf"))

    def cost_of(self, name: str) -> Decimal:
        """Give what a task, chat completion or reservation costs in the end, settled or not.

        Raises KeyError for a name the account did not give.
        """
        with self._lock:
            return self._reservations[name].cost

    def true_cost(self, key: str | None = None) -> Decimal:
        """Give what all calls so far (of one key, or of all) cost in the end, settled or not."""
        with self._lock:
            costs = (held.cost for held in self._reservations.values() if key in (None, held.key))
            return sum(costs, Decimal(0))

    @contextmanager
    def _looking(self) -> Iterator[float]:
        with self._lock:
            now = self._clock()
            self._settle_due(now)
            yield now

    def _next_draw(self) -> random.Random:
        # One generator a call: a call's fate depends on its place in the row, not on who else draws.
        self._calls += 1
        return random.Random(f"{self.seed}/{self._calls}")

    def _draw_delay(self, draw: random.Random) -> float:
        return draw.uniform(*self.settle_after)

    def _hold(self, name: str, key: str, amount: Decimal, cost: Decimal, delay: float) -> Reservation:
        token = self._keys[key]
        left = self.spendable(key)
        if left <= 0 or (amount > left and not self._overdraft):
            raise OutOfCreditsError(f"{amount} credits asked for, {left} left")
        if not 0 <= cost <= amount:
            raise ValueError(f"a call that reserves {amount} credits cannot settle at {cost}")
        reservation = Reservation(name, key, amount, cost, self._clock() + delay)
        self._user_remaining -= amount
        token.spend(amount)
        self._reservations[name] = reservation
        heapq.heappush(self._waiting, (reservation.settles_at, self._calls, reservation))
        return reservation

    def _settle_due(self, now: float) -> None:
        while self._waiting and self._waiting[0][0] <= now:
            reservation = heapq.heappop(self._waiting)[2]
            refund = reservation.amount - reservation.cost
            self._user_remaining += refund
            self._user_used += reservation.cost
            self._keys[reservation.key].spend(-refund)
            reservation.settled = True
            self._settled.append(reservation)
