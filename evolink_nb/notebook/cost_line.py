"""The one line under a cell that says what it cost. Pure: a value that becomes text."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING

from ..formatting import MINUS, counted, format_amount, in_credits, plain_amount
from ..metering.receipts import NO_CHARGE

if TYPE_CHECKING:
    from ..credits import Credits
    from ..metering.cost import Cost

CLASS = "evolink-cost"
STYLE = (
    "font-size: var(--jp-ui-font-size1, 90%); padding: 2px var(--jp-code-padding, 5px); width: fit-content"
)
"""On a right-to-left page the line then stands where such pages begin, too."""
SURE = frozenset({"confirmed", "clean", "shared"})
"""The words of costs whose other figures are shown too."""
MIN_SETTLED_IN = 1.0
"""The shortest settling time worth mentioning, in seconds."""
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class CostLine:
    """The line under a cell.

    Attributes:
        cost: The cost so far.
        settling: Whether it may still change.
        settled_in: Seconds from the end of the cell until its cost settled.
        left: The reading the cost was assessed with.
        runs: How many more runs the credits cover; None if unknown.
        may_stay: Whether the line may stay as it is for good, though the cost is settling.
    """

    cost: Cost
    settling: bool
    settled_in: float = 0.0
    left: Credits | None = None
    runs: int | None = None
    may_stay: bool = False

    def text(self) -> str:
        """Return the line as plain text."""
        return self._line().replace(MINUS, "-")

    def html(self) -> str:
        """Return the line as HTML; without its styling it is the same text."""
        cost = self.cost
        facts = {"confidence": cost.confidence, "settled": "true" if cost.settled else "false"}
        if cost.credits is not None:
            facts["value"] = plain_amount(cost.credits)
        data = "".join(f' data-{name}="{escape(value)}"' for name, value in facts.items())
        line = escape(self._line())
        return (
            f'<div class="{CLASS}" dir="ltr"{data} style="{STYLE}" title="{escape(cost.reason)}">{line}</div>'
        )

    def mimebundle(self) -> dict[str, str]:
        """Return both by media type, for the front end to choose from."""
        return {"text/plain": self.text(), "text/html": self.html()}

    def _line(self) -> str:
        cost = self.cost
        if cost.credits is None:
            pending = (
                "cost unknown: not read when the cell ended" if self.may_stay else "reading the balance …"
            )
            return pending if self.settling else f"cost unknown: {cost.reason}"
        parts = [self._figure(), *self._confidence()]
        if cost.confidence in SURE and cost.others is not None and cost.others > 0:
            parts.append(f"{format_amount(cost.others)} by others on the account")
        if cost.confidence in SURE and cost.topped_up is not None and cost.topped_up > 0:
            parts.append(f"topped up by {format_amount(cost.topped_up)}")
        if self.left is not None:
            parts.append(f"{format_amount(self.left.spendable)} left")
        if self.runs is not None and not self.settling:
            parts.append(more_runs(self.runs, "like this"))
        return " · ".join(parts)

    def _figure(self) -> str:
        amount = self.cost.credits or Decimal(0)
        if self._is_estimate:
            # A zero that isn't known is no figure at all.
            return f"about {in_credits(amount)}" if amount else "not told apart"
        if amount < 0:  # no cost: earlier calls settled for less meanwhile, or were refunded
            return f"cost unknown: {in_credits(-amount)} came back"
        if self.cost.reason == NO_CHARGE:
            return NO_CHARGE
        if not amount:
            return "nothing spent so far" if self.settling else "nothing spent"
        # Users expect the key's own counter, so say so when there is none to go by.
        return in_credits(amount) + (" by the account" if self.cost.token is None else "")

    @property
    def _is_estimate(self) -> bool:
        """Whether only the sum of a group is known."""
        return self.cost.together is not None and self.cost.confidence != "confirmed"

    def _confidence(self) -> list[str]:
        """Return any reservations about the figure; empty if there are none."""
        pending = "not settled when the cell ended" if self.may_stay else "settling …"
        parts = []
        if self.cost.together is not None and self._is_estimate:
            together = self.cost.together
            parts.append(f"{together.label} together: {format_amount(together.credits)}")
        if self.settling:
            return [*parts, pending]
        if self.cost.settled and self.settled_in >= MIN_SETTLED_IN:
            parts.append(f"settled in {self.settled_in:.1f} s")
        if self.cost.confidence == "confirmed":
            parts.append("confirmed")
        elif self.cost.confidence != "clean" and self.cost.reason != NO_CHARGE:
            parts.append(f"{self.cost.confidence}: {self.cost.reason}")
        return parts


def more_runs(runs: int, what: str) -> str:
    """Return how many more runs the credits cover, in words.

    Args:
        runs: The number of runs.
        what: The work: "like this", "of train(3)".

    Returns:
        A phrase such as "about 69 more runs like this".
    """
    if not runs:
        return f"not enough for another run {what}"
    figure = f"{runs:,}"
    if runs >= MILLION:
        # Truncated, not rounded: it must not promise a run too many.
        millions, tenths = divmod(runs * 10 // MILLION, 10)
        figure = f"{millions:,}{f'.{tenths}' if tenths else ''} M"
    return f"about {counted(figure, 'more run')} {what}"
