"""A reading as ``text/plain`` and ``text/html``, from ``static/card.html`` and ``static/card.css``.

The live card patches the same fields of the same template in the browser (``static/card.js``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from ..formatting import INFINITY, MINUS, format_amount, format_rate, format_time, plain_amount, sparkline
from .alarms import Limits

if TYPE_CHECKING:
    from ..credits import Credits
    from .alarms import Level

STATIC = Path(__file__).parent

PILLS = {
    "loading": "reading…",
    "paused": "not live",
    "stale": "old",
    "rate-limited": "rate limited",
    "unauthorized": "not authorized",
    "offline": "offline",
    "error": "can't read",
}
"""The words of a card that does not move; ``card.js`` has the live card's."""


def _button(action: str, label: str, path: str, attributes: str = "") -> str:
    icon = f'<svg viewBox="0 0 16 16" aria-hidden="true"><path d="{path}"/></svg>'
    return (
        f'<button type="button" data-action="{action}" aria-label="{label}" title="{label}"{attributes}>'
        f"{icon}</button>"
    )


_LIVE = {
    "live": " data-live",
    "strip_hidden": "",
    "refresh": _button("refresh", "Refresh", "M13.5 8a5.5 5.5 0 1 1-1.6-3.9M13.5 1.5v3h-3"),
    "actions": _button("pause", "Pause", "M5.5 3.5v9M10.5 3.5v9")
    + _button("notify", "Notify me", "M4 11V7a4 4 0 0 1 8 0v4l1 1H3zM7 14h2", " hidden"),
}
"""What a live card has and one that does not move has not."""


@dataclass(frozen=True, slots=True)
class Trend:
    """What a series of readings says: credits a second, seconds left, credits spent, points to draw.

    None, and an empty series, where it says nothing. Points are (milliseconds, credits).
    """

    burn_rate: float | None = None
    runway: float | None = None
    spent: Decimal = Decimal(0)
    points: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, slots=True)
class CardView:
    """What a card that does not move shows: a reading, and how things stand around it.

    Without a ``level`` it is what the reading says by itself. With ``now`` the reading's age is told too.
    """

    credits: Credits | None
    status: str = "paused"
    level: Level | None = None
    message: str = ""
    now: datetime | None = None
    trend: Trend = Trend()
    worth: str = ""
    notice: str = ""
    outlook: str = ""

    def html(self) -> str:
        """Give the card with its stylesheet. With all styling stripped it is a small table."""
        return f"<style>{_stylesheet()}</style>\n{_template().substitute(_fields(self))}"

    def text(self) -> str:
        """Give the card as an aligned block of plain text."""
        credits = self.credits
        title = "EvoLink credits" + (" (demo data)" if credits is not None and credits.simulated else "")
        lines = [f"{title} · {_updated(credits, self.now)}"]
        if credits is not None:
            rows = [
                ("Account", *_left(credits.user.remaining), format_amount(credits.user.used), "user"),
                ("API key", *_token_left(credits), format_amount(credits.token.used), "token"),
            ]
            widths = [max(len(row[column]) for row in rows) for column in range(4)]
            for name, left, unit, used, half in rows:
                mark = "  <- spendable" if half == credits.binding else ""
                cells = f"{left:>{widths[1]}} {unit:<{widths[2]}}  {used:>{widths[3]}} used"
                lines.append(f"  {name:<{widths[0]}}  {cells}{mark}".replace(MINUS, "-"))
        facts = [f"{label} {text}" for label, text in _facts(self).values() if text]
        if facts:
            lines.append(f"  {' · '.join(facts)}")
        if self.worth:
            lines.append(f"  worth {self.worth}")
        status = [] if self.status in {"paused", "live"} else [PILLS.get(self.status, self.status)]
        states = [*status, *_worry(self)]
        if states:
            lines.append(f"  {', '.join(states)}")
        said = [*self.notice.splitlines(), *self.message.splitlines()]
        return "\n".join([*lines, *(f"  {line}" for line in said)])

    def mimebundle(self) -> dict[str, str]:
        """Give both renderings, for a front end to choose from."""
        return {"text/plain": self.text(), "text/html": self.html()}


def render_live_html() -> str:
    """Give the markup of a live card before its first reading, for ``card.js`` to patch."""
    nothing_yet = CardView(None, status="loading")
    # card.css hides the labels of what is not known.
    labels = {f"{name}_label": label for name, (label, _) in _facts(nothing_yet).items()}
    return _template().substitute(_fields(nothing_yet) | _LIVE | labels)


def render_text(credits: Credits) -> str:
    """Give a reading, and nothing around it, as an aligned block of plain text."""
    return CardView(credits, level="ok").text()


def opening_line(credits: Credits | None) -> dict[str, str]:
    """Give one line, as HTML and as text, that says how things stood when a live card was opened."""
    if credits is None:
        line = "A live card of EvoLink credits, opened before its first reading."
    else:
        account = " ".join(_left(credits.user.remaining))
        key = " ".join(_token_left(credits))
        line = (
            f"EvoLink credits when this live card was opened ({_updated(credits, None)}): account {account}, "
        )
        line += f"API key {key}."
    return {"text/html": f"<p>{escape(line)}</p>", "text/plain": line.replace(MINUS, "-")}


def usd_estimate(credits: Credits | None, credits_per_dollar: float | None) -> str:
    """Give about how many dollars can be spent, "" where nobody said what a credit is worth."""
    if credits is None or not credits_per_dollar:
        return ""
    return f"≈ ${float(credits.spendable) / credits_per_dollar:,.2f}"


@cache
def _template() -> Template:
    return Template((STATIC / "card.html").read_text(encoding="utf-8"))


@cache
def _stylesheet() -> str:
    return (STATIC / "card.css").read_text(encoding="utf-8")


def _fields(face: CardView) -> dict[str, str]:
    """Give a text, safe as markup, for every field of the template."""
    credits = face.credits
    fields = {
        "status": face.status,
        "level": _level(face),
        "badge": "demo data" if credits is not None and credits.simulated else "",
        # Colour alone would not say it, and no bell rings for this card.
        "pill": " · ".join([PILLS.get(face.status, face.status), *_worry(face)]),
        "notice": face.notice,
        "message": face.message,
        "updated": _updated(credits, face.now),
        "worth": face.worth,
        "curve": sparkline(face.trend.points),
        "refresh": "",
        "actions": "",
    }
    fields["area"] = fields["curve"] and f"{fields['curve']}L100 40L0 40Z"
    for name, (label, text) in _facts(face).items():
        fields |= {f"{name}_label": label if text else "", "burn_rate" if name == "burn" else name: text}
    for half in ("user", "token"):
        fields |= {f"{half}_{name}": text for name, text in _half(credits, half).items()}
    return {name: escape(text) for name, text in fields.items()} | _markup(face)


def _level(face: CardView) -> Level:
    if face.level is not None:
        return face.level
    return "ok" if face.credits is None else Limits().level_of(face.credits)


def _worry(face: CardView) -> list[str]:
    """Give the level in a word, nothing where it is none to worry about or the number says so itself."""
    level = _level(face)
    return [level] if level in {"low", "critical"} else []


def _half(credits: Credits | None, half: str) -> Mapping[str, str]:
    """Give the texts of one gauge."""
    empty = dict.fromkeys(("mark", "remaining", "unit", "total", "used", "used_unit"), "")
    drawn = {
        "binding": "false",
        "max": "1",
        "now": "0",
        "valuetext": "not read yet",
        "share": "0",
        "length": "1",
    }
    if credits is None:
        return empty | drawn
    amounts = credits.user if half == "user" else credits.token
    total = amounts.remaining + amounts.used
    unlimited = half == "token" and credits.token.unlimited
    shown, unit = _token_left(credits) if half == "token" else _left(amounts.remaining)
    binding = credits.binding == half
    texts = {
        "mark": "spendable" if binding else "",
        "binding": "true" if binding else "false",
        "remaining": shown,
        "length": _length(shown),
        "unit": unit,
        "used": format_amount(amounts.used),
        "used_unit": "used",
    }
    if unlimited:
        return empty | drawn | texts | {"valuetext": unit}
    share = min(max(amounts.remaining / total, Decimal(0)), Decimal(1)) if total > 0 else Decimal(0)
    ceiling = max(total, amounts.remaining, Decimal(0))
    return texts | {
        "total": f"of {format_amount(total)} ·",
        "max": plain_amount(ceiling) if ceiling else "1",
        "now": plain_amount(max(amounts.remaining, Decimal(0))),
        "valuetext": f"{shown.replace(MINUS, 'minus ')} of {format_amount(total)} {unit}",
        "share": plain_amount((share * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)),
    }


def _markup(face: CardView) -> dict[str, str]:
    """Give the fields that are markup themselves: attributes that are there or not, small decimals."""
    credits, trend = face.credits, face.trend
    markup = {"demo": " data-demo" if credits is not None and credits.simulated else ""}
    markup |= {"live": "", "user_remaining": "", "token_remaining": "", "token_unlimited": ""}
    markup["strip_hidden"] = "" if trend.points or trend.spent or face.outlook else " hidden"
    values: dict[str, Decimal | None] = dict.fromkeys(
        ("user_remaining", "user_used", "token_remaining", "token_used", "spent")
    )
    if trend.spent:
        values["spent"] = trend.spent
    if credits is not None:
        markup["token_unlimited"] = " data-unlimited" if credits.token.unlimited else ""
        values["user_remaining"], values["user_used"] = credits.user.remaining, credits.user.used
        values["token_used"] = credits.token.used
        if not credits.token.unlimited:
            values["token_remaining"] = credits.token.remaining
        markup["user_remaining"] = _small_decimals(_left(credits.user.remaining)[0])
        markup["token_remaining"] = _small_decimals(_token_left(credits)[0])
    for name, amount in values.items():
        markup[f"{name}_value"] = "" if amount is None else f' data-value="{plain_amount(amount)}"'
    return markup


def _facts(face: CardView) -> dict[str, tuple[str, str]]:
    """Give the label and the text of each line of the spend strip, "" where there is nothing to say."""
    rate, left, spent = face.trend.burn_rate, face.trend.runway, face.trend.spent
    return {
        "burn": ("burn", format_rate(rate) if rate else ""),
        "runway": ("runway", f"≈ {format_time(left)}" if left else ""),
        "spent": ("spent this session", format_amount(spent) if spent else ""),
        "outlook": ("enough for", face.outlook),
    }


def _left(remaining: Decimal) -> tuple[str, str]:
    return format_amount(remaining), "overdrawn" if remaining < 0 else "credits left"


def _token_left(credits: Credits) -> tuple[str, str]:
    return (INFINITY, "no limit of its own") if credits.token.unlimited else _left(credits.token.remaining)


def _updated(credits: Credits | None, now: datetime | None) -> str:
    if credits is None:
        return "no reading yet"
    age = "" if now is None else f" ({format_time((now - credits.read_at).total_seconds())} ago)"
    return f"read {credits.read_at.astimezone():%Y-%m-%d %H:%M:%S %Z}{age}"


def _small_decimals(shown: str) -> str:
    whole, point, decimals = shown.partition(".")
    return escape(whole) + (f"<small>{point}{decimals}</small>" if point else "")


def _length(shown: str) -> str:
    """Give a number's length in widths of a digit of its whole part; the ring's is about 7."""
    whole, point, decimals = shown.partition(".")
    return f"{len(whole) + 0.6 * len(point + decimals):g}"
