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

from ..formatting import plain_amount

if TYPE_CHECKING:
    from .gauge import Gauge


STATIC = Path(__file__).parent
"""The folder of the card's files."""


def fill_card(
    texts: Mapping[str, str],
    gauges: Mapping[str, Gauge],
    *,
    spent: Decimal | None = None,
    simulated: bool = False,
    live: bool = False,
    has_strip: bool = True,
) -> str:
    """Return the markup of a card.

    Args:
        texts: The texts for the fields of ``card.html``; always inserted as text, never as markup.
        gauges: The rings, "user" and "token".
        spent: The credits behind the text of the same name.
        simulated: Whether the data is the demo account's.
        live: Whether the card has buttons.
        has_strip: Whether the strip with the trend is shown.

    Returns:
        One element, safe to insert.
    """
    fields = {name: escape(text) for name, text in texts.items()}
    fields |= {f"{half}_gauge": _fill_gauge(half, gauge) for half, gauge in gauges.items()}
    fields |= _buttons() if live else dict.fromkeys(_buttons(), "")
    fields |= {
        "spent_value": _value(spent),
        "demo": " data-demo" if simulated else "",
        "live": " data-live" if live else "",
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


def _fill_gauge(half: str, gauge: Gauge) -> str:
    whole, point, decimals = gauge.remaining.partition(".")
    return _template("gauge").substitute(
        half=half,
        name="Account" if half == "user" else "API key",
        binding="true" if gauge.binding else "false",
        mark="spendable" if gauge.binding else "",
        unlimited=" data-unlimited" if gauge.unlimited else "",
        share=gauge.share,
        maximum=gauge.maximum,
        now=gauge.now,
        spoken=escape(gauge.spoken),
        # In digit widths of the integer part; the ring fits about 7.
        length=f"{len(whole) + 0.6 * len(point + decimals) or 1:g}",
        remaining=escape(whole) + (f"<small>{point}{decimals}</small>" if point else ""),
        remaining_value=_value(gauge.remaining_value),
        unit=gauge.unit,
        total=f"of {gauge.total} ·" if gauge.total else "",
        used=escape(gauge.used),
        used_value=_value(gauge.used_value),
        used_unit="used" if gauge.used else "",
    )


@cache
def _buttons() -> dict[str, str]:
    fill = _template("button").substitute
    refresh = "M13.5 8a5.5 5.5 0 1 1-1.6-3.9M13.5 1.5v3h-3"
    pause = "M5.5 3.5v9M10.5 3.5v9"
    notify = "M4 11V7a4 4 0 0 1 8 0v4l1 1H3zM7 14h2"
    return {
        "refresh_button": fill(action="refresh", label="Refresh", icon=refresh, hidden=""),
        "pause_button": fill(action="pause", label="Pause", icon=pause, hidden=""),
        "notify_button": fill(action="notify", label="Notify me", icon=notify, hidden=" hidden"),
    }


def _value(amount: Decimal | None) -> str:
    return "" if amount is None else f' data-value="{plain_amount(amount)}"'


@cache
def _template(name: str) -> Template:
    # Without indentation: in a notebook converted to Markdown, indented lines can become a code block.
    lines = (STATIC / f"{name}.html").read_text(encoding="utf-8").splitlines()
    return Template("\n".join(line.strip() for line in lines))
