"""A chart of the history: HTML with one SVG."""

from __future__ import annotations

import functools
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from . import words
from .svg import balance_axis, draw, spent_axis

if TYPE_CHECKING:
    from .data import ChartData

STYLESHEET = Path(__file__).with_name("chart.css")


def chart_html(data: ChartData, *, table: str = "") -> str:
    """Return the chart with its stylesheet; its title and notes remain if a page strips SVG and styles.

    Args:
        data: The chart's data.
        table: A table to show below it, as HTML that is safe to insert.

    Returns:
        HTML, safe to insert.
    """
    caption = f"<strong>{escape(words.title(data))}</strong><br><span>{escape(words.summary(data))}</span>"
    plot = "" if data.is_empty else _plot(data)
    lines = [f"<p>{_icon(line)}{escape(line)}</p>" for line in words.notes(data)]
    dear = "".join(f"<li>{escape(line)}</li>" for line in words.dearest(data))
    dearest = f"<p>Most expensive work:</p><ol>{dear}</ol>" if dear else ""
    return framed(f"<figcaption>{caption}</figcaption>{plot}{''.join(lines)}{dearest}{table}")


def framed(content: str) -> str:
    """Return content in a chart's frame, with its stylesheet.

    Args:
        content: HTML that is safe to insert.
    """
    return f'<style>{_style()}</style>\n<figure class="evolink-chart" dir="ltr">{content}</figure>'


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
