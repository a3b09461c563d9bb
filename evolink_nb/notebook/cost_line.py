"""What a cell cost, in the one line under it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING

from ..formatting import MINUS, counted, format_amount, in_credits, plain_amount

if TYPE_CHECKING:
    from ..credits import Credits
    from ..metering.cost import Cost

CLASS = "evolink-cost"


@dataclass(frozen=True, slots=True)
class CostLine:
    """The cost so far, whether it may still move, the seconds it took to settle, and what that means.

    ``left`` is the reading the cost was judged by; ``runs`` says for how many more runs the credits last.
    """

    cost: Cost
    settling: bool
    settled_in: float = 0.0
    left: Credits | None = None
    runs: int | None = None

    def text(self) -> str:
        """Give the line as plain text."""
        return self._line().replace(MINUS, "-")

    def html(self) -> str:
        """Give the line as HTML; with all styling stripped it is the same text."""
        cost = self.cost
        facts = {"confidence": cost.confidence, "settled": "true" if cost.settled else "false"}
        if cost.credits is not None:
            facts["value"] = plain_amount(cost.credits)
        marks = "".join(f' data-{name}="{escape(value)}"' for name, value in facts.items())
        style = "font-size: var(--jp-ui-font-size1, 90%); padding: 2px var(--jp-code-padding, 5px)"
        line = escape(self._line())
        return f'<div class="{CLASS}"{marks} style="{style}" title="{escape(cost.reason)}">{line}</div>'

    def mimebundle(self) -> dict[str, str]:
        """Give both, for a front end to choose from."""
        return {"text/plain": self.text(), "text/html": self.html()}

    def _line(self) -> str:
        cost = self.cost
        if cost.credits is None:
            return "reading the balance …" if self.settling else f"cost unknown: {cost.reason}"
        parts = [self._figure(), self._how_sure()]
        if cost.confidence in {"clean", "shared"} and cost.others is not None and cost.others > 0:
            parts.append(f"{format_amount(cost.others)} by others on the account")
        if cost.confidence in {"clean", "shared"} and cost.topped_up is not None and cost.topped_up > 0:
            parts.append(f"topped up by {format_amount(cost.topped_up)}")
        if self.left is not None:
            parts.append(f"{format_amount(self.left.spendable)} left")
        if self.runs is not None and not self.settling:
            parts.append(f"about {counted(f'{self.runs:,}', 'more run')} like this")
        return " · ".join(parts)

    def _figure(self) -> str:
        amount = self.cost.credits or Decimal(0)
        if not amount:
            return "nothing spent"
        whose = "key" if self.cost.token is not None else "account"
        return f"{in_credits(amount)} ({whose})"

    def _how_sure(self) -> str:
        if self.settling:
            return "settling …"
        settled = f"settled in {self.settled_in:.1f} s" if self.cost.settled else ""
        if self.cost.confidence == "clean":
            return settled
        doubt = f"{self.cost.confidence}: {self.cost.reason}"
        return f"{settled} · {doubt}" if settled else doubt
