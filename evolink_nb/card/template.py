"""The card's markup, from ``card.html``, ``gauge.html`` and ``button.html``, and its stylesheet and script.

Static cards are filled in here; a live card starts without values, for ``card.js`` to patch.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from ..formatting import plain_amount, shorten

if TYPE_CHECKING:
    from .gauge import Gauge


STATIC = Path(__file__).parent
"""The folder of the card's files."""


def fill_card(
    texts: Mapping[str, str],
    gauges: Mapping[str, Gauge],
    *,
    spent: Decimal | None = None,
    request: str = "",
    simulated: bool = False,
    live: bool = False,
    compact: bool = False,
    has_strip: bool = True,
) -> str:
    """Return the markup of a card.

    Args:
        texts: The texts for the fields of ``card.html``; always inserted as text, never as markup.
        gauges: The two halves, "user" and "token".
        spent: The credits behind the text of the same name.
        request: Identifies the request that failed; shown as the message's tooltip.
        simulated: Whether the data is the demo account's.
        live: Whether the card has buttons.
        compact: Whether it has its small form.
        has_strip: Whether the strip with the trend is shown.

    Returns:
        One element, safe to insert.
    """
    fields = {name: escape(text) for name, text in texts.items()}
    for half, gauge in gauges.items():
        fields[f"{half}_gauge"] = _fill_gauge(half, gauge, texts["level"])
    fields |= _buttons() if live else dict.fromkeys(_buttons(), "")
    fields |= {
        "spent_value": _value(spent),
        "request": f' title="Request {escape(request)}"' if request else "",
        "demo": " data-demo" if simulated else "",
        "live": " data-live" if live else "",
        "key_form": f"\n{_template('key').template}" if live else "",
        "form": ' data-form="compact"' if compact else "",
        "strip_hidden": "" if has_strip else " hidden",
    }
    return _template("card").substitute(fields)


@cache
def stylesheet() -> str:
    """Return the card's stylesheet."""
    return (STATIC / "card.css").read_text(encoding="utf-8")


def script() -> str:
    """Return the live card's ES module."""
    return (STATIC / "card.js").read_text(encoding="utf-8")


def _fill_gauge(half: str, gauge: Gauge, level: str) -> str:
    # The level is also named: colour alone isn't enough. An overdrawn balance says so itself.
    mark = {"ok": "spendable", "overdrawn": ""}.get(level, level)
    total = f"of {gauge.total}" if gauge.total else ""
    return _template("gauge").substitute(
        half=half,
        name="Account" if half == "user" else "API key",
        binding="true" if gauge.binding else "false",
        mark=mark if gauge.binding and gauge.remaining else "",
        unlimited=" data-unlimited" if gauge.unlimited else "",
        share=gauge.share,
        maximum=gauge.maximum,
        now=gauge.now,
        spoken=escape(gauge.spoken),
        remaining=_number(gauge.remaining),
        remaining_value=_value(gauge.remaining_value),
        remaining_short=_short(gauge.remaining),
        unit=gauge.unit,
        total=_number(total),
        total_short=_short(total),
        used=_number(gauge.used),
        used_value=_value(gauge.used_value),
        used_short=_short(gauge.used),
        dot="·" if total else "",
        used_unit="used" if gauge.used else "",
    )


def _short(text: str) -> str:
    """Return the attributes that show an amount in short, with the exact amount as a tooltip."""
    short = shorten(text)
    return "" if short == text else f' data-short="{short}" title="{escape(text)}"'


def _number(text: str) -> str:
    """Return the markup of an amount: decimals separate, and everything in one element that can be hidden."""
    whole, point, decimals = escape(text).partition(".")
    small = f"<small>{point}{decimals}</small>" if point else ""
    return f"<span>{whole}{small}</span>" if text else ""


@cache
def _buttons() -> dict[str, str]:
    fill = _template("button").substitute
    refresh = "M13.5 8a5.5 5.5 0 1 1-1.6-3.9M13.5 1.5v3h-3"
    pause = "M5.5 3.5v9M10.5 3.5v9"
    popout = "M9 2.5h4.5V7M13.5 2.5 8 8M12 9.5v4H2.5V4h4"
    pin = "M6 2h4l-.5 5L12 9.5H4L6.5 7zM8 9.5V14"
    compact = "M13.5 2.5 9.5 6.5M9.5 3v3.5H13M2.5 13.5l4-4M3 9.5h3.5V13"
    notify = "M4 11V7a4 4 0 0 1 8 0v4l1 1H3zM7 14h2"
    return {
        "refresh_button": fill(action="refresh", label="Refresh", icon=refresh, hidden=""),
        "pause_button": fill(action="pause", label="Pause", icon=pause, hidden=""),
        "popout_button": fill(action="popout", label="Pop out", icon=popout, hidden=" hidden"),
        "pin_button": fill(action="pin", label="Pin to the corner of the page", icon=pin, hidden=""),
        "compact_button": fill(action="compact", label="Smaller", icon=compact, hidden=""),
        "notify_button": fill(action="notify", label="Notify me", icon=notify, hidden=" hidden"),
    }


def _value(amount: Decimal | None) -> str:
    return "" if amount is None else f' data-value="{plain_amount(amount)}"'


@cache
def _template(name: str) -> Template:
    # Without indentation: in a notebook converted to Markdown, indented lines can become a code block.
    lines = (STATIC / f"{name}.html").read_text(encoding="utf-8").splitlines()
    return Template("\n".join(line.strip() for line in lines))
