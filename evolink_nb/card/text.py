"""The static card as a block of text, with bold type and colour where a terminal shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..formatting import MINUS
from .gauge import Gauge

if TYPE_CHECKING:
    from ..credits import Credits
    from .alarms import Level

_BOLD, _DIM, _RED, _YELLOW, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[33m", "\x1b[0m"
_LEVELS = {"low": _YELLOW, "critical": _RED, "overdrawn": _RED}


def card_text(
    credits: Credits | None,
    *,
    heading: tuple[str, str],
    trend: str = "",
    worth: str = "",
    states: str = "",
    notice: str = "",
    message: str = "",
    level: Level = "ok",
    styled: bool = False,
) -> str:
    """Return a card as an aligned block of text.

    Args:
        credits: The reading; None if there is none.
        heading: The title, and when the reading was taken.
        trend: How fast credits are spent, and how long they last.
        worth: Approximate value in USD of what is left.
        states: The status and the level in words.
        notice: What the user must know at once.
        message: Why the last read failed.
        level: The reading's level.
        styled: Whether to add bold type and colour, as ANSI escape codes. The text is the same without them.
    """
    style = _style if styled else _unstyled
    title, updated = heading
    warning = _LEVELS.get(level, "")
    rows = [] if credits is None else _rows(credits, warning, styled=styled)
    lines = [f"{style(title, _BOLD)} {style(f'· {updated}', _DIM)}", *rows]
    lines += [line for line in (trend, f"worth {worth}" if worth else "") if line]
    lines += [style(line, warning or _YELLOW) for line in (states, *notice.splitlines()) if line]
    lines += [style(line, _RED) for line in message.splitlines()]
    return "\n  ".join(lines)


def _rows(credits: Credits, warning: str, *, styled: bool) -> list[str]:
    """Return a line for each half, with aligned columns."""
    style = _style if styled else _unstyled
    gauges = {"Account": Gauge.of(credits, "user"), "API key": Gauge.of(credits, "token")}
    left, unit, used = _widths([(gauge.remaining, gauge.unit, gauge.used) for gauge in gauges.values()])
    lines = []
    for name, gauge in gauges.items():
        mark = "  <- spendable" if gauge.binding else ""
        remaining = f"{gauge.remaining:>{left}} {gauge.unit:<{unit}}".replace(MINUS, "-")
        remaining = style(remaining, f"{_BOLD}{warning}" if gauge.binding else "")
        rest = f"{gauge.used:>{used}} used".replace(MINUS, "-")
        lines.append(f"{name}  {remaining}  {style(rest + mark, _DIM)}")
    return lines


def _widths(rows: Sequence[tuple[str, ...]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _style(text: str, codes: str) -> str:
    return f"{codes}{text}{_PLAIN}" if codes and text else text


def _unstyled(text: str, _codes: str) -> str:
    return text
