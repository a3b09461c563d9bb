"""A simulated account and its reader that live in one simulated time: minutes of settling pass at once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evolink_nb.credits import Credits
from evolink_nb.errors import APIConnectionError
from evolink_nb.polling.clock import Clock

if TYPE_CHECKING:
    from evolink_nb.demo import Account

START = datetime(2026, 1, 1, tzinfo=UTC)


class SimulatedTime(Clock):
    """The time that the account and the meter share; waiting moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def pause(self, event: threading.Event, seconds: float) -> bool:
        self.seconds += seconds
        return event.is_set()


class Reader:
    """Reads an account without a socket between."""

    def __init__(self, account: Account, key: str = "own") -> None:
        self.identity = f"{id(account)}/{key}"
        self.account = account
        self.key = key
        self.broken = False

    def get_credits(self) -> Credits:
        if self.broken:
            raise APIConnectionError("No answer.")
        return Credits.from_dict({"data": self.account.balance(self.key)}, read_at=START)

    def close(self) -> None:
        pass
