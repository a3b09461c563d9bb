"""The line under a cell that says what it cost, as text and HTML. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING

from ..formatting import MINUS, counted, format_amount, in_credits, plain_amount
from ..metering.attribution.receipts import NO_CHARGE

if TYPE_CHECKING:
    from ..credits import Credits
    from ..metering.cost import Confidence, Cost

CLASS = "evolink-cost"
STYLE = (
    "font-size: var(--jp-ui-font-size1, 90%); padding: 2px var(--jp-code-padding, 5px); width: fit-content"
)
"""Makes the line begin on the right of a right-to-left page."""
QUIET = "color: color-mix(in srgb, currentColor 75%, transparent)"
"""The style of all but the cost: a share of the front end's own colour, which suits any theme."""
_DOT = (
    "display: inline-block; box-sizing: border-box; width: .6em; height: .6em; border-radius: 50%; "
    "margin-inline-end: .5em; border: 1.5px solid {colour}; background: {fill}"
)
# Each has a contrast of at least 3:1 on white and on black. The shapes differ too: full, half or empty.
_GREEN, _AMBER, _RED, _GREY = "#1f9d55", "#c2710c", "#e0443e", "#7d8590"
_HALF = "linear-gradient(90deg, {colour} 50%, transparent 50%)"
_DOTS: dict[Confidence, tuple[str, str]] = {
    "confirmed": (_GREEN, _GREEN),
    "clean": (_GREEN, _GREEN),
    "shared": (_AMBER, _HALF.format(colour=_AMBER)),
    "unsettled": (_AMBER, "transparent"),
    "inconsistent": (_RED, _HALF.format(colour=_RED)),
    "unknown": (_RED, "transparent"),
}
MAX_REASON = 60
"""The longest reason that HTML shows in the line, in characters; the tooltip has all of it."""
SURE = frozenset({"confirmed", "clean", "shared"})
"""The confidence words of costs whose other figures are shown too."""
MIN_SETTLED_IN = 1.0
"""The shortest settling time worth mentioning, in seconds."""
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class CostLine:
    """The line under a cell.

    Attributes:
        cost: The cost so far.
        settling: Whether the cost may still change.
        settled_in: Seconds from the end of the cell until its cost settled.
        left: The reading the cost was assessed with.
        runs: How many more runs the credits cover; None if unknown.
        may_stay: Whether the line may stay as it is for good, although the cost is still settling.
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
        """Return the line as HTML with the same text, except that a long reason is shortened.

        The tooltip has the whole reason.
        """
        cost = self.cost
        facts = {"confidence": cost.confidence, "settled": "true" if cost.settled else "false"}
        if cost.credits is not None:
            facts["value"] = plain_amount(cost.credits)
        data = "".join(f' data-{name}="{escape(value)}"' for name, value in facts.items())
        figure, *rest = self._parts(short_reason(cost.reason))
        quiet = f'<span style="{QUIET}"> · {escape(" · ".join(rest))}</span>' if rest else ""
        amount = f'<span style="font-weight: {400 if cost.credits is None else 600}">{escape(figure)}</span>'
        return (
            f'<div class="{CLASS}" dir="ltr"{data} style="{STYLE}" title="{escape(cost.reason)}">'
            f"{self._dot()}{amount}{quiet}</div>"
        )

    def mimebundle(self) -> dict[str, str]:
        """Return the text and the HTML by media type, for the front end to choose from."""
        return {"text/plain": self.text(), "text/html": self.html()}

    def _line(self) -> str:
        return " · ".join(self._parts(self.cost.reason))

    def _dot(self) -> str:
        """Return a dot that shows the cost's confidence; the line says it in words, unless it is clean."""
        is_clean = self.cost.confidence == "clean" and not self.settling
        name = 'role="img" aria-label="clean"' if is_clean else 'aria-hidden="true"'
        colour, fill = (_GREY, "transparent") if self.settling else _DOTS[self.cost.confidence]
        return f'<span {name} style="{_DOT.format(colour=colour, fill=fill)}"></span>'

    def _parts(self, reason: str) -> list[str]:
        """Return the parts of the line, the cost first.

        Args:
            reason: Why a cost is not sure, as the line says it.
        """
        cost = self.cost
        if cost.credits is None:
            pending = (
                "cost unknown: not read when the cell ended" if self.may_stay else "reading the balance …"
            )
            # The reason in full: it says what to do.
            return [pending if self.settling else f"cost unknown: {cost.reason}"]
        parts = [self._figure(), *self._confidence(reason)]
        if cost.confidence in SURE and cost.others is not None and cost.others > 0:
            parts.append(f"{format_amount(cost.others)} by others on the account")
        if cost.confidence in SURE and cost.topped_up is not None and cost.topped_up > 0:
            parts.append(f"topped up by {format_amount(cost.topped_up)}")
        if self.left is not None:
            parts.append(f"{format_amount(self.left.spendable)} left")
        if self.runs is not None and not self.settling and not self._is_estimate:
            parts.append(more_runs(self.runs, "like this"))
        return parts

    def _figure(self) -> str:
        amount = self.cost.credits or Decimal(0)
        if self._is_estimate:
            # An estimated zero says nothing.
            return f"about {in_credits(amount)}" if amount else "own cost unknown"
        if amount < 0:  # not a cost: earlier calls meanwhile settled for less, or were refunded
            return f"cost unknown: {in_credits(-amount)} returned"
        if self.cost.reason == NO_CHARGE:
            return NO_CHARGE
        if not amount:
            return "nothing spent so far" if self.settling else "nothing spent"
        # Users expect the key's own counter; say so where the account's was used instead.
        return in_credits(amount) + (" by the account" if self.cost.token is None else "")

    @property
    def _is_estimate(self) -> bool:
        """Whether only the total of a group of costs is known."""
        return self.cost.together is not None and self.cost.confidence != "confirmed"

    def _confidence(self, reason: str) -> list[str]:
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
            parts.append(f"{self.cost.confidence}: {reason}")
        return parts


def short_reason(reason: str) -> str:
    """Return a reason's first clause, with an ellipsis for the rest.

    Args:
        reason: A cost's reason.
    """
    clause = re.split(r"[:;] ", reason, maxsplit=1)[0]
    if len(clause) > MAX_REASON:
        clause = clause[:MAX_REASON].rpartition(" ")[0] or clause[: MAX_REASON - 1]
    return reason if clause == reason else f"{clause.rstrip(',')} …"


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
        # Truncated, not rounded: it must not promise one run too many.
        millions, tenths = divmod(runs * 10 // MILLION, 10)
        figure = f"{millions:,}{f'.{tenths}' if tenths else ''} M"
    return f"about {counted(figure, 'more run')} {what}"
