"""A simulated EvoLink account: calls reserve credits, and settle a little later, sometimes for less.

The account has no thread of its own: what is due settles whenever it is read. Time is read from the given
clock, so a test can drive it.
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
"""The seed unless told otherwise: a newcomer's first images are made, the second task settling for less."""

OWN_KEY = "own"
OTHER_KEY = "other"

MAX_COMPLETION_TOKENS = 120
"""The longest answer to a chat, however many tokens it may have."""


class UnknownTaskError(LookupError):
    """The account has no task of that id."""


# 21 methods: each is one thing that is done with an account, or seen of it.
class Account:
    """An account with one or more keys, deterministic under its seed and safe to use from many threads.

    Args:
        seed: What all that is drawn follows from.
        clock: Returns seconds that only grow.
        unix_time: Returns seconds since 1970, for the dates in responses.
        user_remaining: Credits the account holds at first.
        user_used: Credits it has spent before.
        token_remaining: Credits its own key may spend at first.
        token_used: Credits that key has spent before.
        unlimited: Whether that key has no limit of its own.
        frozen: Whether that key, an unlimited one, reports 0 left and never moves its counters.
        overdraft: Whether a call may cost more than is left; one made with nothing left is refused anyway.
        settle_after: The range, in seconds, from which each call's delay is drawn.
        shortfall_rate: The share of calls that settle for less than they reserved.
        failure_rate: The share of tasks that fail, and settle for nothing.
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
        """The names of the account's keys, one's own first."""
        with self._lock:
            return tuple(self._balances.keys)

    @property
    def outstanding(self) -> Decimal:
        """The credits reserved by calls that have not settled yet."""
        with self._settling():
            return self._balances.outstanding

    @property
    def settled(self) -> tuple[Reservation, ...]:
        """The settled reservations, in the order in which they settled."""
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
        """Add one more key to the account.

        Args:
            name: What tells it from the account's other keys.
            remaining: Credits of its own limit that it has left.
            used: Credits that it has used.
            unlimited: Whether it has no limit of its own.
            frozen: Whether its figures never change, as those of some unlimited keys don't.

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
            KeyError: The account has no key of that name.
        """
        with self._settling():
            return self._balances.seen_by(key)

    def spendable(self, key: str = OWN_KEY) -> Decimal:
        """Return the credits a key can still spend: the smaller of its own limit and the account's balance.

        Raises:
            KeyError: The account has no key of that name.
        """
        with self._settling():
            return self._balances.spendable(key)

    def top_up(self, amount: Amount, *, key: str | None = None) -> None:
        """Add credits to the account, and to the limit of a key if one is named.

        Args:
            amount: Credits.
            key: The name of a key of the account.

        Raises:
            ValueError: The amount is not positive, or the balance would grow beyond what a double can carry.
            KeyError: The account has no key of that name.
        """
        with self._settling():
            self._balances.top_up(positive(amount), key)

    def reserve(self, amount: Amount, *, key: str = OWN_KEY, cost: Amount | None = None) -> Reservation:
        """Hold credits for a call that settles after a while.

        Args:
            amount: The credits to hold.
            key: The key that pays.
            cost: The credits it settles for; drawn unless given.

        Raises:
            OutOfCreditsError: Too little is left.
            ValueError: The amount is not positive, or the cost is not from 0 to the amount.
            KeyError: The account has no key of that name.
        """
        with self._settling():
            draw = self._next_draw()
            amount = positive(amount)
            if cost is None:
                short = draw.random() < self._shortfall_rate
                cost = amount * draw.randint(1, 9) / 10 if short else amount
            return self._hold(f"reservation-{self._calls}", key, amount, exact(cost), self._draw_delay(draw))

    def spend(self, amount: Amount, *, key: str = OWN_KEY) -> Reservation:
        """Spend credits that settle at once; raises as `reserve` does."""
        with self._settling():
            self._next_draw()
            spent = positive(amount)
            reservation = self._hold(f"spend-{self._calls}", key, spent, spent, 0.0)
            self._balances.settle(self._clock())
            return reservation

    def start_task(self, kind: str, *, model: str, count: int = 1, key: str = OWN_KEY) -> Task:
        """Start a task, and reserve its price; raises as `reserve` does.

        Some tasks make fewer than asked for, some fail and are refunded.

        Args:
            kind: "image", "video" or "audio".
            model: The model's name, which may have a price of its own.
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
        """Complete a chat: reserve for the longest answer, settle for the one made; raises as `reserve` does.

        Args:
            prompt_tokens: The tokens of the prompt.
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
        """Return how far a task has come.

        Raises:
            UnknownTaskError: The account has no such task.
        """
        with self._settling() as now:
            if task_id not in self._tasks:
                raise UnknownTaskError(task_id)
            settled = self._balances.reservations[task_id].settled
            return self._tasks[task_id].report(now, settled=settled)

    def settle_all(self) -> None:
        """Settle every outstanding call now, and so finish every task."""
        with self._settling():
            self._balances.settle(float("inf"))

    def cost_of(self, name: str) -> Decimal:
        """Return what a task, chat completion or reservation costs in the end, in credits, settled or not.

        Raises:
            KeyError: The account knows no such name.
        """
        with self._lock:
            return self._balances.reservations[name].cost

    def true_cost(self, key: str | None = None) -> Decimal:
        """Return what all calls (of one key, or of all) cost in the end, in credits, settled or not."""
        with self._settling():
            return self._balances.true_cost(key)

    def forget_after_fork(self) -> None:
        """Be usable in a forked child, whose parent's threads may have held the lock."""
        self._lock = threading.RLock()

    @contextmanager
    def _settling(self) -> Iterator[float]:
        """Hold the lock, with all that is due settled; the value is the clock's time."""
        with self._lock, localcontext(EXACT):
            now = self._clock()
            self._balances.settle(now)
            yield now

    def _next_draw(self) -> random.Random:
        # One generator a call: a call's fate depends on its place in the row, not on who else draws.
        self._calls += 1
        return random.Random(f"{self.seed}/{self._calls}")

    def _draw_delay(self, draw: random.Random) -> float:
        return draw.uniform(*self.settle_after)

    def _hold(self, name: str, key: str, amount: Decimal, cost: Decimal, delay: float) -> Reservation:
        reservation = Reservation(name, key, amount, cost, self._clock() + delay)
        self._balances.hold(reservation)
        return reservation
