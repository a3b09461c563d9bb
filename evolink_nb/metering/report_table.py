"""The table of costs as text and as HTML: its columns, their alignment, and how it folds. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from html import escape
from typing import Literal

Key = Literal["what", "runs", "total", "share", "mean", "last", "change", "seconds", "confidence"]

BAR_WIDTH = 8
"""The length of the longest bar in text, in terminal columns."""
INDENT = "  "
_EIGHTHS = (*" ▏▎▍▌▋▊▉",)
_NUMBER = re.compile(r"[<>+\-\N{MINUS SIGN}]*[\d,]+(?:\.(\d+))?")
# Spaces as wide as a digit and a decimal point: HTML can't align a column at its decimal points.
_FIGURE_SPACE, _POINT_SPACE = "\u2007", "\u2008"


class Align(Enum):
    """How the cells of a column line up."""

    LEFT = "left"
    RIGHT = "right"
    POINT = "point"
    """Flush right, with the decimal points below each other."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        key: The name of its cells.
        heading: Its heading.
        align: How its cells line up.
    """

    key: Key
    heading: str
    align: Align = Align.POINT


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table.

    Attributes:
        cells: The text of each cell that isn't empty.
        share: Its share of the total, from 0 to 1; None to show none.
    """

    cells: dict[Key, str]
    share: float | None = None

    def cell(self, key: Key) -> str:
        """Return the text of a cell; "" if it is empty."""
        return self.cells.get(key, "")


class Table:
    """Lines under headings, without the columns that are empty in every line."""

    def __init__(self, lines: Sequence[Line], sums: Sequence[Line]) -> None:
        """Choose the columns.

        Args:
            lines: The lines.
            sums: The sums shown below them.
        """
        runs = {line.cell("runs") for line in lines}
        columns = (
            Column("what", "what", Align.LEFT),
            Column("runs", "runs", Align.RIGHT),
            Column("total", "credits" if runs == {"1"} else "total"),
            Column("share", "share", Align.LEFT),
            Column("mean", "mean"),
            Column("last", "last"),
            Column("change", "change"),
            Column("seconds", "time" if runs == {"1"} else "mean time", Align.RIGHT),
            Column("confidence", "confidence", Align.LEFT),
        )
        said = {key for line in (*lines, *sums) for key, text in line.cells.items() if text}
        said |= {"share"} if any(line.share is not None for line in lines) else set()
        said -= {"runs"} if runs == {"1"} else set()
        self._columns = [column for column in columns if column.key in said]
        self._lines = lines
        self._sums = sums

    # -- as text ---------------------------------------------------------------------------------------

    def text(self, width: int) -> list[str]:
        """Return the table as lines of text.

        If it would be too wide, it has no bars; if that isn't enough, each line's name and confidence are put
        above its figures.

        Args:
            width: The maximum width, in terminal columns.
        """
        lines: list[str] = []
        for layout in (self._unfolded, self._folded):
            for has_bars in (True, False):
                lines = layout(has_bars=has_bars)
                if max(map(text_width, lines)) <= width:
                    return lines
        return lines

    def _unfolded(self, *, has_bars: bool) -> list[str]:
        cells = [self._text_cells(column, has_bars=has_bars) for column in self._columns]
        return _joined(cells, self._columns)

    def _folded(self, *, has_bars: bool) -> list[str]:
        figures = [column for column in self._columns if column.key not in {"what", "confidence"}]
        heading, *below = _joined([self._text_cells(each, has_bars=has_bars) for each in figures], figures)
        lines = [f"{INDENT}{heading}"]
        for line, row in zip((*self._lines, *self._sums), below, strict=True):
            lines.append(" · ".join(filter(None, (line.cell("what"), line.cell("confidence")))))
            lines.append(f"{INDENT}{row}")
        return lines

    def _text_cells(self, column: Column, *, has_bars: bool) -> list[str]:
        lines = (*self._lines, *self._sums)
        if column.key == "share":
            cells = [_share_text(line.share, has_bar=has_bars) for line in lines]
        else:
            cells = [line.cell(column.key) for line in lines]
        if column.align is Align.POINT:
            cells = aligned(cells)
        return [column.heading, *cells]

    # -- as HTML ---------------------------------------------------------------------------------------

    def html(self, caption: str, notes: Sequence[str]) -> str:
        """Return the table as HTML.

        Args:
            caption: Its caption.
            notes: The sentences below it.
        """
        head = "".join(f'<th scope="col">{column.heading}</th>' for column in self._columns)
        lines = (*self._lines, *self._sums)
        cells = [[escape(cell) for cell in self._html_cells(column, lines)] for column in self._columns]
        rows = [self._html_line(line, row) for line, row in zip(lines, zip(*cells, strict=True), strict=True)]
        foot = rows[len(self._lines) :]
        if notes:
            foot.append(f'<td class="evo-note" colspan="{len(self._columns)}">{" ".join(notes)}</td>')
        return (
            f'<table class="evolink-costs" dir="ltr">\n<caption>{escape(caption)}</caption>\n'
            f"<thead>\n<tr>{head}</tr>\n</thead>\n<tbody>\n{_table_rows(rows[: len(self._lines)])}</tbody>\n"
            f"<tfoot>\n{_table_rows(foot)}</tfoot>\n</table>"
        )

    def _html_cells(self, column: Column, lines: Sequence[Line]) -> list[str]:
        cells = [line.cell(column.key) for line in lines]
        if column.align is Align.POINT:
            return aligned(cells, digit=_FIGURE_SPACE, point=_POINT_SPACE)
        return [percent(line.share) for line in lines] if column.key == "share" else cells

    def _html_line(self, line: Line, cells: Sequence[str]) -> str:
        name, *rest = cells
        html = f'<th scope="row">{name}</th>'
        for column, cell in zip(self._columns[1:], rest, strict=True):
            attributes = ' class="evo-doubt"' if column.key == "confidence" else ""
            if column.key == "share" and line.share is not None:
                attributes = f' class="evo-share" style="--share: {line.share:.3f}"'
            html += f"<td{attributes}>{cell}</td>"
        return html


def aligned(cells: Sequence[str], *, digit: str = " ", point: str = " ") -> list[str]:
    """Pad the cells of a flush-right column to line up their decimal points.

    Args:
        cells: The cells; any that isn't a number is left as it is.
        digit: A space as wide as a digit.
        point: A space as wide as a decimal point.
    """
    numbers = [_NUMBER.fullmatch(cell) for cell in cells]
    places = [len(number[1] or "") if number else 0 for number in numbers]
    most = max(places, default=0)
    padded = []
    for cell, number, decimals in zip(cells, numbers, places, strict=True):
        pad = (point if most and not decimals else "") + digit * (most - decimals)
        padded.append(cell + pad if number else cell)
    return padded


def percent(share: float | None) -> str:
    """Return a share of the total as a whole percentage; "" if there is none.

    Args:
        share: From 0 to 1.
    """
    if share is None:
        return ""
    if 0 < share < 0.01:
        return "<1 %"
    # 100 % means everything, not almost everything.
    return f"{100 if share == 1 else min(round(share * 100), 99)} %"


def text_width(text: str) -> int:
    """Return a text's width in terminal columns."""
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def _share_text(share: float | None, *, has_bar: bool) -> str:
    if share is None:
        return ""
    full, eighths = divmod(round(share * BAR_WIDTH * 8), 8)
    bar = ("█" * full + _EIGHTHS[eighths]).rstrip() if has_bar else ""
    return f"{percent(share):>5} {bar}".rstrip()


def _joined(columns: Sequence[Sequence[str]], kinds: Sequence[Column]) -> list[str]:
    """Return lines with the columns side by side."""
    padded = []
    for cells, kind in zip(columns, kinds, strict=True):
        width = max(map(text_width, cells))
        pads = (" " * (width - text_width(cell)) for cell in cells)
        is_left = kind.align is Align.LEFT
        padded.append([cell + pad if is_left else pad + cell for cell, pad in zip(cells, pads, strict=True)])
    return [INDENT.join(cells).rstrip() for cells in zip(*padded, strict=True)]


def _table_rows(lines: Iterable[str]) -> str:
    return "".join(f"<tr>{line}</tr>\n" for line in lines)
