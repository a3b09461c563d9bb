"""A chart of the history: HTML with one SVG, or text for a terminal."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from ..formatting import MINUS, format_amount
from . import chart_words as words
from .chart_svg import balance_axis, draw, spent_axis

if TYPE_CHECKING:
    from .axes import Axis
    from .chart_data import Bucket, ChartData

STYLESHEET = Path(__file__).with_name("chart.css")

COLUMN = 24
"""The width of a full bar in text, in characters."""
FULL, SLIVER = "\N{FULL BLOCK}", "\N{LEFT ONE EIGHTH BLOCK}"


def chart_html(data: ChartData, *, table: str = "") -> str:
    """Return the chart with its stylesheet; where both are stripped, its title and notes are left.

    Args:
        data: What it shows.
        table: What to show below it, as HTML that is safe to insert.

    Returns:
        HTML, safe to insert.
    """
    caption = f"<strong>{escape(words.title(data))}</strong><br><span>{escape(words.summary(data))}</span>"
    plot = "" if data.is_empty else _plot(data)
    lines = [f"<p>{_icon(line)}{escape(line)}</p>" for line in words.notes(data)]
    dear = "".join(f"<li>{escape(line)}</li>" for line in words.dearest(data))
    dearest = f"<p>Dearest work:</p><ol>{dear}</ol>" if dear else ""
    return framed(f"<figcaption>{caption}</figcaption>{plot}{''.join(lines)}{dearest}{table}")


def framed(content: str) -> str:
    """Return content in a chart's frame, with its stylesheet.

    Args:
        content: HTML that is safe to insert.
    """
    return f'<style>{_style()}</style>\n<figure class="evolink-chart" dir="ltr">{content}</figure>'


def chart_text(data: ChartData) -> str:
    """Return the chart as text: a line with a bar for each bucket.

    Args:
        data: What it shows.
    """
    head = [words.title(data), f"  {words.summary(data)}"]
    rows = [] if data.is_empty else _rows(data)
    dear = [f"  {number}. {line}" for number, line in enumerate(words.dearest(data), 1)]
    below = [*(f"  {line}" for line in words.notes(data)), *(["  Dearest work:"] if dear else []), *dear]
    return "\n".join([*head, *rows, *below]).replace(MINUS, "-")


def _rows(data: ChartData) -> list[str]:
    axis = spent_axis(data)
    most = max((each.spent for each in data.buckets if each.spent is not None), default=Decimal(0))
    cells = [("", f"spent per {data.unit}", "", "left")]
    for start, end, each in _stretches(data):
        spent = "" if each.spent is None else format_amount(each.spent)
        left = "" if each.balance is None else format_amount(each.balance)
        bar = _bar(each, axis, most) if each.is_known else "no readings"
        cells.append((words.span(start, end, data.zone), spent, bar, left))
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    return [
        f"  {when:<{widths[0]}}  {spent:>{widths[1]}}  {bar:<{widths[2]}}  {left:>{widths[3]}}".rstrip()
        for when, spent, bar, left in cells
    ]


def _stretches(data: ChartData) -> Iterator[tuple[datetime, datetime, Bucket]]:
    """Yield the buckets, with those in which nothing happened taken together; each with its times."""
    for _, alike in groupby(enumerate(data.buckets), key=lambda pair: _key(*pair)):
        stretch = [each for _, each in alike]
        yield stretch[0].start, stretch[-1].end, stretch[0]


def _key(number: int, bucket: Bucket) -> object:
    return number if bucket.spent else (bucket.is_known, bucket.balance)


def _bar(bucket: Bucket, axis: Axis, most: Decimal) -> str:
    if bucket.spent is None or bucket.spent <= 0:
        return ""
    zero = axis.position(Decimal(0))
    share = (axis.position(bucket.spent) - zero) / (axis.position(most) - zero)
    return FULL * round(share * COLUMN) or SLIVER


def _plot(data: ChartData) -> str:
    axes = balance_axis(data), spent_axis(data)
    longest = max(len(axis.label(tick)) for axis in axes for tick in axis.ticks)
    hover = "".join(
        f'<i title="{escape(words.bucket_text(each, data))}" '
        f'style="left:{start:.3f}%;width:{data.share(each.end) * 100 - start:.3f}%"></i>'
        for each in data.buckets
        for start in (data.share(each.start) * 100,)
    )
    return (
        f'<div class="evo-plot" style="--labels:{longest}">{draw(data)}'
        f'<div class="evo-hover" aria-hidden="true">{hover}</div></div>'
    )


def _icon(line: str) -> str:
    path = "M1 11L6 1L11 11Z" if line.startswith("Topped") else "M0 0H12V12H0Z"
    name = "evo-top-up" if line.startswith("Topped") else "evo-gap"
    return f'<svg class="{name}" width="12" height="12" aria-hidden="true"><path d="{path}"/></svg> '


@functools.cache
def _style() -> str:
    return STYLESHEET.read_text(encoding="utf-8")
