"""What a simulated call produces and costs: tasks that take a while, and chats priced by the token."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

PRICES = {"image": Decimal("1.6"), "video": Decimal("12.5"), "audio": Decimal("2.5")}
"""Credits per piece, by kind; the demo's own figures."""

MODEL_PRICES = {"z-image-turbo": Decimal(1), "gemini-3-pro-image-preview": Decimal("2.5")}
"""Models with their own price per piece."""

PROMPT_TOKEN_PRICE = Decimal("0.0005")
COMPLETION_TOKEN_PRICE = Decimal("0.002")

PENDING_SHARE = 0.2
"""The fraction of a task's time that it spends pending."""


def price_of(kind: str, model: str) -> Decimal:
    """Return the price of one piece of a kind (image, video or audio) with a model, in credits."""
    return MODEL_PRICES.get(model, PRICES[kind])


def chat_price(prompt_tokens: int, completion_tokens: int) -> Decimal:
    """Return the price of a chat with these token counts, in credits."""
    return prompt_tokens * PROMPT_TOKEN_PRICE + completion_tokens * COMPLETION_TOKEN_PRICE


@dataclass(frozen=True)
class TaskReport:
    """A task's progress: its status, its percentage from 0 to 100, and the number of pieces ready."""

    task: Task
    status: str
    progress: int
    ready: int


@dataclass(frozen=True)
class Task:
    """One started generation.

    Attributes:
        id: Its id in the API.
        kind: "image", "video" or "audio".
        model: The model's name.
        created: When it was started, in unix seconds.
        started_at: When it was started, in seconds of the account's clock.
        count: The number of pieces requested.
        made: The number of pieces finally made; 0 if the task fails.
        reserved: The credits held for it.
        finishes_at: When it ends, in seconds of the account's clock.
    """

    id: str
    kind: str
    model: str
    created: int
    started_at: float
    count: int
    made: int
    reserved: Decimal
    finishes_at: float

    def report(self, now: float, *, settled: bool) -> TaskReport:
        """Return the task's progress.

        Args:
            now: The current time, in seconds of the account's clock.
            settled: Whether its reservation has settled, so that the task has ended.
        """
        if settled and self.made:
            return TaskReport(self, "completed", 100, self.made)
        if settled:
            return TaskReport(self, "failed", 0, 0)
        elapsed = (now - self.started_at) / (self.finishes_at - self.started_at)
        if elapsed < PENDING_SHARE:
            return TaskReport(self, "pending", 0, 0)
        return TaskReport(self, "processing", min(99, int(elapsed * 100)), 0)


@dataclass(frozen=True)
class ChatCompletion:
    """One answered chat, with its token counts; `created` is in unix seconds."""

    id: str
    created: int
    prompt_tokens: int
    completion_tokens: int
