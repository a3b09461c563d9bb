"""Renders a reading as ``text/plain`` and ``text/html``; ``card.js`` shows the same fields live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Literal

from ..formatting import MINUS, format_amount, format_rate, format_time, sparkline
from ..polling.status import Status
from .alarms import Limits
from .gauge import Gauge
from .template import fill_card, stylesheet
from .text import card_text

if TYPE_CHECKING:
    from ..credits import Credits
    from ..errors import EvoLinkError
    from .alarms import Level

STATUS_LABELS: dict[str, str] = {
    Status.LOADING: "reading…",
    Status.PAUSED: "not live",
    "stale": "old",
    Status.RATE_LIMITED: "rate limited",
    Status.UNAUTHORIZED: "not authorized",
    Status.ERROR: "can't read",
}
"""Labels of a static card for statuses whose name is not their label; ``card.js`` has the live card's."""

CENT = 0.01
"""The smallest amount in USD that is shown."""


@dataclass(frozen=True, slots=True)
class Trend:
    """What a series of readings shows.

    Attributes:
        burn_rate: Recent rate of spending in credits per second; None if unknown.
        runway: Seconds the credits will last at that rate; None if unknown.
        spent: Credits spent since the first reading.
        points: The sparkline's points, as pairs of (milliseconds, credits).
    """

    burn_rate: float | None = None
    runway: float | None = None
    spent: Decimal = Decimal(0)
    points: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, slots=True)
class CardView:
    """The content of a static card.

    Attributes:
        credits: The reading; None if there is none.
        status: How fresh it is; "stale" if a newer one was wanted and could not be read.
        level: How much is left; None to use the reading alone, without limits.
        message: Why the last read failed.
        age: Seconds since the reading; None to omit it.
        trend: The trend of the readings so far.
        worth: Approximate value in USD of what is left.
        notice: What the user must know at once.
        outlook: How long the credits last, in the user's own unit, as a whole phrase.
        request: Identifies the request that failed; shown as the message's tooltip.
        compact: Whether the card has its small form.
    """

    credits: Credits | None
    status: Status | Literal["stale"] = Status.PAUSED
    level: Level | None = None
    message: str = ""
    age: float | None = None
    trend: Trend = Trend()
    worth: str = ""
    notice: str = ""
    outlook: str = ""
    request: str = ""
    compact: bool = False

    def html(self) -> str:
        """Return the card with its stylesheet. Without any styling it is a small table."""
        return f"<style>{stylesheet()}</style>\n{_markup(self)}"

    def text(self, *, styled: bool = False) -> str:
        """Return the card as an aligned block of text.

        Args:
            styled: Whether to add bold type and colour, for a terminal.
        """
        facts = [f"{label} {text}" for label, text in _facts(self.trend).values() if text]
        status = [] if self.status in {Status.PAUSED, Status.LIVE} else [_label(self.status)]
        title = "EvoLink credits (demo data)" if _is_simulated(self.credits) else "EvoLink credits"
        return card_text(
            self.credits,
            heading=(title, _updated(self.credits, self.age)),
            trend=" · ".join(filter(None, [*facts, self.outlook])),
            worth=self.worth,
            states=", ".join([*status, *_warning(self)]),
            notice=self.notice,
            message=self.message,
            level=_level(self),
            styled=styled,
        )

    def mimebundle(self, *, styled: bool = False) -> dict[str, str]:
        """Return both renderings by MIME type, for the front end to choose from.

        Args:
            styled: Whether the text has bold type and colour.
        """
        return {"text/plain": self.text(styled=styled), "text/html": self.html()}


def render_live_html() -> str:
    """Return the markup of a live card before its first reading, for ``card.js`` to patch."""
    return _markup(CardView(None, status=Status.LOADING), live=True)


@cache
def live_template() -> str:
    """Return the markup of a live card with its styles, which move along when it is pinned or popped out.

    It has 43 kB; all cards share one copy.
    """
    return f"<style>{stylesheet()}</style>{render_live_html()}"


def render_text(credits: Credits, *, styled: bool = False) -> str:
    """Return a reading alone, as an aligned block of text.

    Args:
        credits: The reading.
        styled: Whether to add bold type and colour, for a terminal.
    """
    return CardView(credits).text(styled=styled)


def opening_line(credits: Credits | None) -> dict[str, str]:
    """Return one line with the balance at the time a live card was opened.

    Args:
        credits: The reading at that time; None if there was none.

    Returns:
        The line by MIME type, as HTML and as plain text.
    """
    if credits is None:
        line = "A live card of EvoLink credits, opened before its first reading."
    else:
        account, key = Gauge.of(credits, "user"), Gauge.of(credits, "token")
        line = (
            f"EvoLink credits when this live card was opened ({_updated(credits, None)}): "
            f"account {account.remaining} {account.unit}, API key {key.remaining} {key.unit}."
        )
    return {"text/html": f'<p dir="ltr">{escape(line)}</p>', "text/plain": line.replace(MINUS, "-")}


def usd_estimate(credits: Credits | None, credits_per_dollar: float | None) -> str:
    """Return the approximate value in dollars of the spendable credits.

    Args:
        credits: The reading; None if there is none.
        credits_per_dollar: The rate; None or 0 if unknown.

    Returns:
        The text, such as "≈ $16.11", or "< $0.01" for smaller amounts; "" without a reading or a rate.
    """
    if credits is None or not credits_per_dollar:
        return ""
    dollars = float(credits.spendable) / credits_per_dollar
    sign = MINUS if dollars < 0 else ""
    if dollars and abs(dollars) < CENT / 2:
        return f"{'>' if sign else '<'} {sign}${CENT}"
    return f"≈ {sign}${abs(dollars):,.2f}"


def _markup(view: CardView, *, live: bool = False) -> str:
    credits, trend = view.credits, view.trend
    simulated = _is_simulated(credits)
    curve = sparkline(trend.points)
    texts = {
        "status": view.status,
        "level": _level(view),
        "badge": "demo data" if simulated else "",
        "status_label": _label(view.status),
        "notice": view.notice,
        "message": without_request(view.message, view.request),
        "outlook": view.outlook,
        "updated": _updated(credits, view.age),
        "worth": view.worth,
        "span": span_of(trend.points),
        "curve": curve,
        "area": curve and f"{curve}L100 40L0 40Z",
    }
    for name, (label, text) in _facts(trend).items():
        # A live card keeps its labels: card.css hides those of unknown facts.
        texts |= {f"{name}_label": label if text or live else "", name: text}
    return fill_card(
        texts,
        {"user": Gauge.of(credits, "user"), "token": Gauge.of(credits, "token")},
        spent=trend.spent or None,
        request=view.request,
        simulated=simulated,
        live=live,
        compact=view.compact,
        has_strip=bool(live or curve or trend.spent),
    )


def request_of(error: EvoLinkError | None) -> str:
    """Return the id of the request that failed, for EvoLink's support; "" if it has none."""
    return getattr(error, "request_id", None) or ""


def without_request(message: str, request: str) -> str:
    """Return a message without the request's id, which a card shows only in a tooltip.

    Args:
        message: An error's text.
        request: The request's id; "" if it has none.
    """
    return message.replace(f" [request {request}]", "", 1) if request else message


def span_of(points: Sequence[tuple[float, float]]) -> str:
    """Return the time that a sparkline spans, in words.

    Args:
        points: Pairs of (milliseconds, credits), in chronological order.

    Returns:
        The text, such as "last 10 min"; "" if there is no line.
    """
    return f"last {format_time((points[-1][0] - points[0][0]) / 1000)}" if len(points) > 1 else ""


def _facts(trend: Trend) -> dict[str, tuple[str, str]]:
    """Return the label and text of each fact in the strip, "" where there is nothing to show."""
    rate, runway, spent = trend.burn_rate, trend.runway, trend.spent
    return {
        "burn_rate": ("burn", format_rate(rate) if rate else ""),
        "runway": ("runway", f"≈ {format_time(runway)}" if runway else ""),
        "spent": ("spent this session", format_amount(spent) if spent else ""),
    }


def _label(status: str) -> str:
    return STATUS_LABELS.get(status, status)


def _level(view: CardView) -> Level:
    if view.level is not None:
        return view.level
    return "ok" if view.credits is None else Limits().level_of(view.credits)


def _warning(view: CardView) -> list[str]:
    """Return the level as a word; nothing if it is "ok" or the number already shows it."""
    level = _level(view)
    return [level] if level in {"low", "critical"} else []


def _is_simulated(credits: Credits | None) -> bool:
    return credits is not None and credits.simulated


def _updated(credits: Credits | None, age: float | None) -> str:
    if credits is None:
        return "no reading yet"
    ago = "" if age is None else f" ({format_time(age)} ago)"
    return f"read {credits.read_at.astimezone():%Y-%m-%d %H:%M:%S %Z}{ago}"
