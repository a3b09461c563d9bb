"""A reading as ``text/plain`` and ``text/html``, from ``static/card.html`` and ``static/card.css``.

The live card patches the same fields of the same template in the browser (``static/card.js``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .credits import Credits

STATIC = Path(__file__).parent / "static"

MINUS = "\N{MINUS SIGN}"
INFINITY = "\N{INFINITY}"

Level = Literal["ok", "low", "critical", "overdrawn"]

PILLS = {
    "loading": "reading…",
    "paused": "not live",
    "stale": "old",
    "rate-limited": "rate limited",
    "unauthorized": "not authorized",
    "offline": "offline",
    "error": "trouble",
}
"""The words of a card that does not move; ``card.js`` has the live card's."""

_ICON_PATH = "M13.5 8a5.5 5.5 0 1 1-1.6-3.9M13.5 1.5v3h-3"
_ICON = f'<svg viewBox="0 0 16 16" aria-hidden="true"><path d="{_ICON_PATH}"/></svg>'
_ACTIONS = (
    f'<button type="button" data-action="refresh" aria-label="Refresh" title="Refresh">{_ICON}</button>'
)


def level_of(credits: Credits, warn_below: Decimal | float | None = None) -> Level:
    """Tell how the spendable credits stand against 0 and ``warn_below`` (credits)."""
    if credits.spendable < 0:
        return "overdrawn"
    if credits.spendable == 0:
        return "critical"
    return "low" if warn_below is not None and credits.spendable < warn_below else "ok"


def format_amount(amount: Decimal) -> str:
    """Give ``amount`` as a person reads it: thousands separated, at most 4 decimals, no trailing zero.

    An amount too small for that is not shown as nothing: "<0.0001".
    """
    # The usual 28 digits don't hold the sentinels of unlimited keys with 4 decimals.
    digits = Context(prec=max(amount.adjusted(), 0) + 6)
    shown = amount.quantize(Decimal("0.0001"), ROUND_HALF_UP, digits)
    sign = MINUS if amount < 0 else ""
    if shown == 0 and amount != 0:
        return f"<{sign}0.0001" if amount > 0 else f">{sign}0.0001"
    return sign + _plain(shown.copy_abs(), separator=",")


def age_of(seconds: float) -> str:
    """Give an age in the largest unit that fits: "12 s", "2 min", "3 h", "2 d"."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(int(seconds), 0)} s"


def render_html(
    credits: Credits | None,
    *,
    status: str = "paused",
    level: Level = "ok",
    message: str = "",
    now: datetime | None = None,
) -> str:
    """Give a card that does not move, its stylesheet with it.

    With ``now`` it tells the reading's age too. With all styling stripped it is a small table.
    """
    fields = _fields(credits, status=status, level=level, message=message, now=now)
    return f"<style>{_stylesheet()}</style>\n{_template().substitute(fields, actions='')}"


def render_live_html() -> str:
    """Give the markup of a live card before its first reading, for ``card.js`` to patch."""
    return _template().substitute(_fields(None, status="loading"), actions=_ACTIONS)


def render_text(
    credits: Credits | None,
    *,
    status: str = "paused",
    level: Level = "ok",
    message: str = "",
    now: datetime | None = None,
) -> str:
    """Give the card as an aligned block of plain text."""
    title = "EvoLink credits" + (" (demo data)" if credits is not None and credits.simulated else "")
    lines = [f"{title} · {_updated(credits, now)}"]
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
    states = ([PILLS.get(status, status)] if status not in {"paused", "live"} else []) + (
        [level] if level in {"low", "critical"} else []
    )
    if states:
        lines.append(f"  {', '.join(states)}")
    return "\n".join([*lines, *(f"  {line}" for line in message.splitlines())])


def mimebundle(
    credits: Credits | None,
    *,
    status: str = "paused",
    message: str = "",
    now: datetime | None = None,
    warn_below: Decimal | float | None = None,
) -> dict[str, str]:
    """Give both renderings of a card that does not move, for a front end to choose from."""
    level = level_of(credits, warn_below) if credits is not None else "ok"
    return {
        "text/plain": render_text(credits, status=status, level=level, message=message, now=now),
        "text/html": render_html(credits, status=status, level=level, message=message, now=now),
    }


@cache
def _template() -> Template:
    return Template((STATIC / "card.html").read_text(encoding="utf-8"))


@cache
def _stylesheet() -> str:
    return (STATIC / "card.css").read_text(encoding="utf-8")


def _fields(
    credits: Credits | None,
    *,
    status: str,
    level: Level = "ok",
    message: str = "",
    now: datetime | None = None,
) -> dict[str, str]:
    """Give a text, safe as markup, for every field of the template but ``actions``."""
    simulated = credits is not None and credits.simulated
    fields = {
        "status": status,
        "level": level,
        "badge": "demo data" if simulated else "",
        "pill": PILLS.get(status, status),
        "message": message,
        "updated": _updated(credits, now),
    }
    for half in ("user", "token"):
        fields |= {f"{half}_{name}": text for name, text in _half(credits, half).items()}
    return {name: escape(text) for name, text in fields.items()} | _markup(credits)


def _half(credits: Credits | None, half: str) -> Mapping[str, str]:
    """Give the texts of one gauge."""
    empty = dict.fromkeys(("mark", "remaining", "unit", "total", "used", "used_unit"), "")
    drawn = {
        "binding": "false",
        "max": "1",
        "now": "0",
        "valuetext": "not read yet",
        "fill": "0",
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
        "max": _plain(ceiling) if ceiling else "1",
        "now": _plain(max(amounts.remaining, Decimal(0))),
        "valuetext": f"{shown.replace(MINUS, 'minus ')} of {format_amount(total)} {unit}",
        "fill": _plain((share * 100).quantize(Decimal("0.1"))),
    }


def _markup(credits: Credits | None) -> dict[str, str]:
    """Give the fields that are markup themselves: attributes that are there or not, small decimals."""
    markup = {"demo": " data-demo" if credits is not None and credits.simulated else ""}
    markup |= {"user_remaining": "", "token_remaining": ""}
    values: dict[str, Decimal | None] = dict.fromkeys(
        ("user_remaining", "user_used", "token_remaining", "token_used")
    )
    if credits is not None:
        values["user_remaining"], values["user_used"] = credits.user.remaining, credits.user.used
        values["token_used"] = credits.token.used
        if not credits.token.unlimited:
            values["token_remaining"] = credits.token.remaining
        markup["user_remaining"] = _small_decimals(_left(credits.user.remaining)[0])
        markup["token_remaining"] = _small_decimals(_token_left(credits)[0])
    for name, amount in values.items():
        markup[f"{name}_value"] = "" if amount is None else f' data-value="{_plain(amount)}"'
    return markup


def _left(remaining: Decimal) -> tuple[str, str]:
    return format_amount(remaining), "overdrawn" if remaining < 0 else "credits left"


def _token_left(credits: Credits) -> tuple[str, str]:
    return (INFINITY, "no limit of its own") if credits.token.unlimited else _left(credits.token.remaining)


def _updated(credits: Credits | None, now: datetime | None) -> str:
    if credits is None:
        return "no reading yet"
    age = "" if now is None else f" ({age_of((now - credits.read_at).total_seconds())} ago)"
    return f"read {credits.read_at.astimezone():%Y-%m-%d %H:%M:%S %Z}{age}"


def _small_decimals(shown: str) -> str:
    whole, point, decimals = shown.partition(".")
    return escape(whole) + (f"<small>{point}{decimals}</small>" if point else "")


def _length(shown: str) -> str:
    """Give a number's length in widths of a digit of its whole part; the ring's is about 7."""
    whole, point, decimals = shown.partition(".")
    return f"{len(whole) + 0.6 * len(point + decimals):g}"


def _plain(amount: Decimal, separator: str = "") -> str:
    text = f"{amount:{separator}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
