"""The cost object that `meter` and ``-o`` hand out: the newest figures, and a way to wait for the final ones.

Unlike the plain values in `cost`, it changes until the cost is final.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..formatting import format_amount
from .attribution.receipts import NO_CHARGE

if TYPE_CHECKING:
    from decimal import Decimal

    from .cost import Confidence, Cost


class HasCost(Protocol):
    """An object with a cost, such as a `Measurement`."""

    @property
    def cost(self) -> Cost:
        """The cost, as far as known."""

    @property
    def seconds(self) -> float:
        """How long the work took, in seconds."""

    def wait(self, seconds: float | None = None) -> bool:
        """Wait at most ``seconds`` until the cost is final, and return whether it is."""


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """Work whose cost won't change: its account could not be read, or this is a copy from another process."""

    cost: Cost
    seconds: float = 0.0

    def wait(self, seconds: float | None = None) -> bool:  # noqa: ARG002 - there is nothing to wait for
        """Return at once: the cost is final."""
        return True


class MeteredCost:
    """The cost of a metered stretch of work, as far as known; it becomes final as the account settles."""

    def __init__(self, measurement: HasCost) -> None:
        """Expose the cost of a measurement.

        Args:
            measurement: The measurement.
        """
        self._measurement = measurement

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process can't follow the account: a copy keeps the figures, but neither client nor key.
        return MeteredCost, (Unmeasured(self._measurement.cost, self._measurement.seconds),)

    @property
    def credits(self) -> Decimal | None:
        """The best single figure: what the key spent, or else what the account spent; None if unknown."""
        return self._measurement.cost.credits

    @property
    def token(self) -> Decimal | None:
        """Credits this key spent; None if its own counter doesn't move, or nothing is known yet."""
        return self._measurement.cost.token

    @property
    def user(self) -> Decimal | None:
        """Credits the whole account spent."""
        return self._measurement.cost.user

    @property
    def others(self) -> Decimal | None:
        """Credits the account spent through other keys."""
        return self._measurement.cost.others

    @property
    def topped_up(self) -> Decimal | None:
        """Credits added to the account meanwhile; never subtracted from what was spent."""
        return self._measurement.cost.topped_up

    @property
    def seconds(self) -> float:
        """Seconds the work took, not counting settling."""
        return self._measurement.seconds

    @property
    def settled(self) -> bool:
        """Whether the figures can no longer change."""
        return self._measurement.cost.settled

    @property
    def confidence(self) -> Confidence:
        """How sure the figures are: confirmed, clean, shared, unsettled, inconsistent or unknown."""
        return self._measurement.cost.confidence

    @property
    def reason(self) -> str:
        """Why the confidence is what it is."""
        return self._measurement.cost.reason

    @property
    def simulated(self) -> bool:
        """Whether the credits were the demo account's."""
        return self._measurement.cost.simulated

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the figures are final.

        Args:
            seconds: The longest time to wait; None waits as long as settling may take.

        Returns:
            Whether they are final.
        """
        return self._measurement.wait(seconds)

    def __repr__(self) -> str:
        figure = "unknown" if self.credits is None else f"{format_amount(self.credits)} credits"
        if self.reason == NO_CHARGE:
            return f"<cost: {self.confidence}: {NO_CHARGE}>"
        return f"<cost: {figure}, {self.confidence}: {self.reason}>"
