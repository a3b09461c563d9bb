"""The cost of work as its author gets it: always the newest figures, and a way to wait for the last ones.

Apart from `cost`, which holds values only: this one changes, and waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..formatting import format_amount

if TYPE_CHECKING:
    from decimal import Decimal

    from .cost import Confidence, Cost


class HasCost(Protocol):
    """What has a cost, as a `Measurement` does."""

    @property
    def cost(self) -> Cost:
        """The cost as far as it is known."""

    @property
    def seconds(self) -> float:
        """Seconds that the work took."""

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the cost is final, ``seconds`` at most, and return whether it is."""


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """Work that no account could be read for: its cost is unknown, and stays so."""

    cost: Cost
    seconds: float = 0.0

    def wait(self, seconds: float | None = None) -> bool:  # noqa: ARG002 - there is nothing to wait for
        """Return at once that the cost is final."""
        return True


class MeteredCost:
    """The cost of a metered stretch of work as far as it is known; it gets sure as the account settles."""

    def __init__(self, measurement: HasCost) -> None:
        """Show the cost of a piece of work.

        Args:
            measurement: What knows it.
        """
        self._measurement = measurement

    @property
    def credits(self) -> Decimal | None:
        """The best single figure: what the key spent, else what the account spent; None when unknown."""
        return self._measurement.cost.credits

    @property
    def token(self) -> Decimal | None:
        """Credits that this key spent; None when its own counter doesn't move, or nothing is known yet."""
        return self._measurement.cost.token

    @property
    def user(self) -> Decimal | None:
        """Credits that the whole account spent."""
        return self._measurement.cost.user

    @property
    def others(self) -> Decimal | None:
        """Credits that the account spent beyond this key."""
        return self._measurement.cost.others

    @property
    def topped_up(self) -> Decimal | None:
        """Credits that came onto the account meanwhile; never netted off what was spent."""
        return self._measurement.cost.topped_up

    @property
    def seconds(self) -> float:
        """Seconds that the work took, settling not counted."""
        return self._measurement.seconds

    @property
    def settled(self) -> bool:
        """Whether the figures will not move any more."""
        return self._measurement.cost.settled

    @property
    def confidence(self) -> Confidence:
        """How sure the figures are: clean, shared, unsettled, inconsistent or unknown."""
        return self._measurement.cost.confidence

    @property
    def reason(self) -> str:
        """Why the confidence is what it is."""
        return self._measurement.cost.reason

    @property
    def simulated(self) -> bool:
        """Whether it is the demo account's credits that were spent."""
        return self._measurement.cost.simulated

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the figures are final.

        Args:
            seconds: The most to wait; None waits as long as settling may take.

        Returns:
            Whether they are final.
        """
        return self._measurement.wait(seconds)

    def __repr__(self) -> str:
        figure = "unknown" if self.credits is None else f"{format_amount(self.credits)} credits"
        return f"<cost: {figure}, {self.confidence}: {self.reason}>"
