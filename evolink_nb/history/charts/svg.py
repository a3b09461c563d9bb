"""Draws a chart of the history as SVG: the balance as a line, and the spending as bars below it.

The chart is as wide as the page: positions along the time axis are percentages, which keeps the size of text
and strokes. All colours come from ``chart.css``. The time axis has two sets of labels, for wide and narrow
pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING

from ...credits import difference, product
from ...formatting import format_amount
from .axes import Axis
from .time_axis import time_ticks
from .words import MAX_LISTED, description

if TYPE_CHECKING:
    from .data import Bucket, ChartData

# In pixels, from the top.
BALANCE_TOP, BALANCE_HEIGHT = 36, 110
SPENT_TOP, SPENT_HEIGHT = 198, 80
NAME_ABOVE = 24
"""How far a panel's name is above it. In between are the amounts of top-ups, or the numbers above bars."""
BOTTOM = SPENT_TOP + SPENT_HEIGHT
HEIGHT = BOTTOM + 34
CURVE_WIDTH = 1000
"""The width of the box that the balance's line is drawn in; the box is stretched to the page's width."""
BAR = 0.8
"""The part of a bucket's width that its bar takes."""
WIDE_TICKS, NARROW_TICKS = 8, 4
MIN_DISTANCE, MIN_DISTANCE_NARROW = 0.1, 0.35
"""The least distance between two amounts above top-ups, as a part of the width; closer ones are left out."""
FLAT = 4
"""A balance that changes by less than 1/``FLAT`` of itself gets an axis without 0."""


def draw(data: ChartData) -> str:
    """Return the chart as one SVG element.

    Args:
        data: The chart's data; not empty.
    """
    balance, spent = balance_axis(data), spent_axis(data)
    parts = [
        *_gaps(data),
        *_axis(balance, "Balance", BALANCE_TOP, BALANCE_HEIGHT),
        *_axis(spent, f"Spent per {data.unit}", SPENT_TOP, SPENT_HEIGHT),
        *_balance(data, balance),
        *_top_ups(data),
        *_bars(data, spent),
        *_ranks(data, spent),
        *_times(data, WIDE_TICKS, "evo-wide"),
        *_times(data, NARROW_TICKS, "evo-narrow"),
    ]
    label = escape(description(data))
    return f'<svg width="100%" height="{HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def balance_axis(data: ChartData) -> Axis:
    """Return the axis of the balance, which includes 0 unless the balance hardly changes.

    Args:
        data: The chart's data.
    """
    balances = [each.balance for each in data.balances if each.balance is not None]
    low, high = min(balances, default=Decimal(0)), max(balances, default=Decimal(0))
    is_flat = low > 0 and len(balances) > 1 and difference(product(difference(high, low), FLAT), high) < 0
    return Axis.over(low if is_flat else min(low, Decimal(0)), high)


def spent_axis(data: ChartData) -> Axis:
    """Return the axis of the spending, which includes 0.

    Args:
        data: The chart's data.
    """
    amounts = [each.spent for each in data.buckets if each.spent is not None]
    return Axis.over(min((Decimal(0), *amounts)), max((Decimal(0), *amounts)), intervals=3)


@dataclass(frozen=True, slots=True)
class _Panel:
    """The area in which amounts are drawn."""

    axis: Axis
    top: int
    height: int

    def y(self, amount: Decimal) -> float:
        return self.top + self.height * (1 - self.axis.position(amount))


def _axis(axis: Axis, name: str, top: int, height: int) -> Iterator[str]:
    panel = _Panel(axis, top, height)
    yield f'<text class="evo-name" y="{top - NAME_ABOVE}">{escape(name)}, {axis.unit}</text>'
    for tick in axis.ticks:
        y = _px(panel.y(tick))
        zero = " evo-zero" if tick == 0 else ""
        yield f'<line class="evo-grid{zero}" x2="100%" y1="{y}" y2="{y}"/>'
        yield f'<text class="evo-amount" x="-8" y="{y}" dy=".35em">{axis.label(tick)}</text>'


def _gaps(data: ChartData) -> Iterator[str]:
    for start, end in data.gaps():
        x, width = data.share(start), data.share(end) - data.share(start)
        yield (
            f'<rect class="evo-gap" x="{_part(x)}" width="{_part(width)}" '
            f'y="{BALANCE_TOP}" height="{BOTTOM - BALANCE_TOP}"/>'
        )


def _balance(data: ChartData, axis: Axis) -> Iterator[str]:
    panel = _Panel(axis, 0, BALANCE_HEIGHT)
    has_area = axis.low <= 0  # a filled area implies that the axis begins at 0
    yield (
        f'<svg class="evo-balance" y="{BALANCE_TOP}" width="100%" height="{BALANCE_HEIGHT}" '
        f'viewBox="0 0 {CURVE_WIDTH} {BALANCE_HEIGHT}" preserveAspectRatio="none">'
    )
    stretches = list(_stretches(data))
    for stretch in stretches:
        points = [
            (data.share(each.end) * CURVE_WIDTH, panel.y(each.balance))
            for each in stretch
            if each.balance is not None
        ]
        if len(points) > 1:
            curve = "M" + "L".join(f"{_px(x)} {_px(y)}" for x, y in points)
            if has_area:
                zero = _px(panel.y(Decimal(0)))
                area = f"{curve}L{_px(points[-1][0])} {zero}L{_px(points[0][0])} {zero}Z"
                yield f'<path class="evo-area" d="{area}"/>'
            yield f'<path class="evo-curve" d="{curve}" vector-effect="non-scaling-stroke"/>'
    yield "</svg>"
    for number, stretch in enumerate(stretches, 1):
        if len(stretch) > 1 and number < len(stretches):
            continue
        last = stretch[-1]
        if last.balance is not None:
            y = _px(BALANCE_TOP + panel.y(last.balance))
            yield f'<circle class="evo-point" cx="{_part(data.share(last.end))}" cy="{y}" r="3.5"/>'


def _stretches(data: ChartData) -> Iterator[list[Bucket]]:
    """Yield the stretches between gaps in which the balance is known."""
    stretch: list[Bucket] = []
    for each in data.buckets:
        if each.balance is not None:
            stretch.append(each)
        elif not each.is_known and stretch:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


def _top_ups(data: ChartData) -> Iterator[str]:
    wide = narrow = -1.0  # the positions of the last amounts
    for each in data.top_ups:
        share = data.share(each.middle)
        if not 0 <= share <= 1:
            continue
        yield (
            f'<svg class="evo-top-up" x="{_part(share)}" y="{BALANCE_TOP}">'
            f'<path d="M0 0V{BALANCE_HEIGHT - 8}"/>'
            f'<path d="M-5 {BALANCE_HEIGHT}L0 {BALANCE_HEIGHT - 9}L5 {BALANCE_HEIGHT}Z"/></svg>'
        )
        if share - wide < MIN_DISTANCE:
            continue
        wide, is_narrow = share, share - narrow >= MIN_DISTANCE_NARROW
        narrow = share if is_narrow else narrow
        anchor = "start" if share < 0.1 else "end" if share > 0.9 else "middle"
        yield (
            f'<text class="evo-added{"" if is_narrow else " evo-wide"}" x="{_part(share)}" '
            f'y="{BALANCE_TOP - 5}" text-anchor="{anchor}">+{format_amount(each.amount)}</text>'
        )


def _bars(data: ChartData, axis: Axis) -> Iterator[str]:
    panel = _Panel(axis, SPENT_TOP, SPENT_HEIGHT)
    for each in data.buckets:
        if not each.spent:
            continue
        x, width = _bar(each, data)
        ends = sorted((panel.y(each.spent), panel.y(Decimal(0))))
        height = max(ends[1] - ends[0], 1)
        name = "evo-bar evo-late" if each.is_after_gap else "evo-bar"
        yield (
            f'<rect class="{name}" x="{_part(x)}" width="{_part(width)}" '
            f'y="{_px(ends[1] - height)}" height="{_px(height)}"/>'
        )


def _bar(bucket: Bucket, data: ChartData) -> tuple[float, float]:
    start, end = data.share(bucket.start), data.share(bucket.end)
    return start + (end - start) * (1 - BAR) / 2, (end - start) * BAR


def _ranks(data: ChartData, axis: Axis) -> Iterator[str]:
    """Yield the ranks of the most expensive work, above the bars that include it."""
    panel = _Panel(axis, SPENT_TOP, SPENT_HEIGHT)
    ranks: dict[Bucket, list[str]] = {}
    for number, dear in enumerate(data.dearest[:MAX_LISTED], 1):
        for each in data.buckets:
            if dear.at is not None and each.start <= dear.at < each.end:
                ranks.setdefault(each, []).append(str(number))
    for each, numbers in ranks.items():
        x = (data.share(each.start) + data.share(each.end)) / 2
        y = panel.y(max(each.spent or Decimal(0), Decimal(0))) - 3
        yield f'<text class="evo-rank" x="{_part(x)}" y="{_px(y)}">{" ".join(numbers)}</text>'


def _times(data: ChartData, most: int, name: str) -> Iterator[str]:
    yield f'<g class="{name}">'
    for tick in time_ticks(data.start, data.end, data.zone, most):
        x = _part(data.share(tick.at))
        yield f'<line class="evo-tick" x1="{x}" x2="{x}" y1="{BOTTOM}" y2="{BOTTOM + 5}"/>'
        yield f'<text class="evo-time" x="{x}" y="{BOTTOM + 17}">{escape(tick.label)}</text>'
        if tick.context:
            yield f'<text class="evo-time" x="{x}" y="{BOTTOM + 31}">{escape(tick.context)}</text>'
    yield "</g>"


def _part(share: float) -> str:
    return f"{share * 100:.3f}".rstrip("0").rstrip(".") + "%"


def _px(length: float) -> str:
    return f"{length:.1f}".removesuffix(".0")
