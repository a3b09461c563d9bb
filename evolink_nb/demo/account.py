"""A simulated EvoLink account: calls reserve credits and settle a little later, sometimes for less.

The account has no thread of its own: calls that are due settle whenever the account is used. Time comes from
the given clock, so a test can control it.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import contextmanager
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from .balances import EXACT, Amount, ApiKey, Balances, Reservation, exact, positive
from .tasks import ChatCompletion, Task, TaskReport, chat_price, price_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEED = 20
"""The default seed. With it, a newcomer's first images succeed, and the second task settles for less."""

OWN_KEY = "own"
OTHER_KEY = "other"

MAX_COMPLETION_TOKENS = 120
"""The longest chat completion in tokens, whatever the call allows."""


class UnknownTaskError(LookupError):
    """The account has no task with that id."""


# 21 methods: one for each thing an account can do or report.
class Account:
    """An account with one or more keys, deterministic for a given seed, and thread-safe.

    Args:
        seed: The seed of everything random.
        clock: Returns seconds that never decrease.
        unix_time: Returns seconds since 1970, for the dates in responses.
        user_remaining: Credits the account initially has left.
        user_used: Credits it has initially spent.
        token_remaining: Credits its own key initially has left.
        token_used: Credits that key has initially spent.
        unlimited: Whether that key has no limit of its own.
        frozen: Whether that key reports 0 left and never moves its counters; only an unlimited key can.
        overdraft: Whether a call may cost more than is left. With nothing left it is refused anyway.
        settle_after: The range, in seconds, of each call's random delay before settling.
        shortfall_rate: The fraction of calls that settle for less than they reserved.
        failure_rate: The fraction of tasks that fail, and settle for nothing.
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
        self._shortfall_rate = shortfall_rate
        self._failure_rate = failure_rate
        self._lock = threading.RLock()
        self._balances = Balances(exact(user_remaining), exact(user_used), overdraft=overdraft)
        self._calls = 0
        self._tasks: dict[str, Task] = {}
        self.add_key(OWN_KEY, remaining=token_remaining, used=token_used, unlimited=unlimited, frozen=frozen)
        self.add_key(OTHER_KEY, unlimited=True)

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the account's keys, its own key first."""
        with self._lock:
            return tuple(self._balances.keys)

    @property
    def outstanding(self) -> Decimal:
        """The credits reserved by calls that have not settled yet."""
        with self._settling():
            return self._balances.outstanding

    @property
    def settled(self) -> tuple[Reservation, ...]:
        """The settled reservations, in the order they settled."""
        with self._settling():
            return tuple(self._balances.settled)

    def add_key(
        self,
        name: str,
        *,
        remaining: Amount = 0,
        used: Amount = 0,
        unlimited: bool = False,
        frozen: bool = False,
    ) -> None:
        """Add a key to the account.

        Args:
            name: Identifies it among the account's keys.
            remaining: Credits left of its own limit.
            used: Credits it has used.
            unlimited: Whether it has no limit of its own.
            frozen: Whether its counters never change, as with some unlimited keys.

        Raises:
            ValueError: The name is taken, or the key is frozen without being unlimited.
        """
        if frozen and not unlimited:
            raise ValueError("only an unlimited key can have frozen counters")
        with self._lock:
            if name in self._balances.keys:
                raise ValueError(f"the account has a key named {name!r} already")
            left = Decimal(0) if frozen else exact(remaining)
            self._balances.keys[name] = ApiKey(name, left, exact(used), unlimited, frozen)

    def balance(self, key: str = OWN_KEY) -> dict[str, dict[str, Any]]:
        """Return the balance as one key sees it: the API's fields, with Decimal credits.

        Raises:
            KeyError: The account has no key with that name.
        """
        with self._settling():
            return self._balances.seen_by(key)

    def spendable(self, key: str = OWN_KEY) -> Decimal:
        """Return the credits a key can still spend: the smaller of its own limit and the account's balance.

        Raises:
            KeyError: The account has no key with that name.
        """
        with self._settling():
            return self._balances.spendable(key)

    def top_up(self, amount: Amount, *, key: str | None = None) -> None:
        """Add credits to the account, and to the limit of a key if one is named.

        Args:
            amount: Credits.
            key: The name of one of the account's keys.

        Raises:
            ValueError: The amount is not positive, or the balance would exceed what a double can represent.
            KeyError: The account has no key with that name.
        """
        with self._settling():
            self._balances.top_up(positive(amount), key)

    def reserve(self, amount: Amount, *, key: str = OWN_KEY, cost: Amount | None = None) -> Reservation:
        """Hold credits for a call that settles later.

        Args:
            amount: The credits to hold.
            key: The key that pays.
            cost: The credits that it settles for; random by default.

        Raises:
            OutOfCreditsError: Too little is left.
            ValueError: The amount is not positive, or the cost is not from 0 to the amount.
            KeyError: The account has no key with that name.
        """
        with self._settling():
            draw = self._next_draw()
            amount = positive(amount)
            if cost is None:
                short = draw.random() < self._shortfall_rate
                cost = amount * draw.randint(1, 9) / 10 if short else amount
            return self._hold(f"reservation-{self._calls}", key, amount, exact(cost), self._draw_delay(draw))

    def spend(self, amount: Amount, *, key: str = OWN_KEY) -> Reservation:
        """Spend credits and settle at once; raises as `reserve` does."""
        with self._settling():
            self._next_draw()
            spent = positive(amount)
            reservation = self._hold(f"spend-{self._calls}", key, spent, spent, 0.0)
            self._balances.settle(self._clock())
            return reservation

    def start_task(self, kind: str, *, model: str, count: int = 1, key: str = OWN_KEY) -> Task:
        """Start a task and reserve its price; raises as `reserve` does.

        Some tasks make fewer pieces than requested, some fail and are refunded.

        Args:
            kind: "image", "video" or "audio".
            model: The model's name; some models have their own price.
            count: How many pieces to make.
            key: The key that pays.
        """
        with self._settling():
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

    def complete_chat(self, *, prompt_tokens: int, max_tokens: int, key: str = OWN_KEY) -> ChatCompletion:
        """Complete a chat: reserve the longest answer, settle the actual one; raises as `reserve` does.

        Args:
            prompt_tokens: The number of tokens in the prompt.
            max_tokens: The most tokens the answer may have.
            key: The key that pays.
        """
        with self._settling():
            draw = self._next_draw()
            completion_tokens = draw.randint(1, max(1, min(max_tokens, MAX_COMPLETION_TOKENS)))
            name = f"chatcmpl-{draw.getrandbits(64):016x}"
            amount = chat_price(prompt_tokens, max_tokens)
            cost = chat_price(prompt_tokens, completion_tokens)
            self._hold(name, key, exact(amount), exact(cost), self._draw_delay(draw))
            return ChatCompletion(name, int(self._unix_time()), prompt_tokens, completion_tokens)

    def task(self, task_id: str) -> TaskReport:
        """Return a task's progress.

        Raises:
            UnknownTaskError: The account has no such task.
        """
        with self._settling() as now:
            if task_id not in self._tasks:
                raise UnknownTaskError(task_id)
            settled = self._balances.reservations[task_id].settled
            return self._tasks[task_id].report(now, settled=settled)

    def settle_all(self) -> None:
        """Settle every outstanding call now, which also finishes every task."""
        with self._settling():
            self._balances.settle(float("inf"))

    def cost_of(self, name: str) -> Decimal:
        """Return the final cost of a task, chat completion or reservation in credits, settled or not.

        Raises:
            KeyError: The account has nothing with that name.
        """
        with self._lock:
            return self._balances.reservations[name].cost

    def true_cost(self, key: str | None = None) -> Decimal:
        """Return the final cost of all calls (of one key, or of all) in credits, settled or not."""
        with self._settling():
            return self._balances.true_cost(key)

    def forget_after_fork(self) -> None:
        """Make the account usable in a forked child: the parent's threads may have held the lock."""
        self._lock = threading.RLock()

    @contextmanager
    def _settling(self) -> Iterator[float]:
        """Hold the lock, with all due calls settled; yields the clock's time."""
        with self._lock, localcontext(EXACT):
            now = self._clock()
            self._balances.settle(now)
            yield now

    def _next_draw(self) -> random.Random:
        # One generator per call: a call's random values depend on its number, not on other draws.
        self._calls += 1
        return random.Random(f"{self.seed}/{self._calls}")

    def _draw_delay(self, draw: random.Random) -> float:
        return draw.uniform(*self.settle_after)

    def _hold(self, name: str, key: str, amount: Decimal, cost: Decimal, delay: float) -> Reservation:
        reservation = Reservation(name, key, amount, cost, self._clock() + delay)
        self._balances.hold(reservation)
        return reservation
