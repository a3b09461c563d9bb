"""The rows of a history as an HTML table."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING

from .table import NOTHING_YET, table_cells, table_title

if TYPE_CHECKING:
    from .results import Row
    from .spans import Span

MAX_OPEN = 12
"""The most rows of a table that is open at first."""


def as_html_table(rows: Sequence[Row], *, total: Decimal, span: Span) -> str:
    """Return rows as a table, closed if it is long.

    Args:
        rows: The rows, all of one kind.
        total: Total credits spent.
        span: The span of time.

    Returns:
        HTML, safe to insert into a chart's figure.
    """
    if not rows:
        return f"<p>{escape(NOTHING_YET)}</p>"
    headings, *lines = table_cells(rows)
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in headings)
    body = "".join(f"<tr>{_line(line)}</tr>\n" for line in lines)
    title = escape(table_title(rows, total=total, span=span))
    is_open = " open" if len(lines) <= MAX_OPEN else ""
    return (
        f"<details{is_open}><summary>{title}</summary>"
        # On a narrow page it can be scrolled, also with the keyboard.
        f'<div tabindex="0" role="region" aria-label="{title}"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}</tbody></table></div></details>"
    )


def _line(cells: Sequence[str]) -> str:
    name, *rest = map(escape, cells)
    return f'<th scope="row">{name}</th>' + "".join(f"<td>{cell}</td>" for cell in rest)
