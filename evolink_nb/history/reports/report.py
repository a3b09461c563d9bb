"""A history's answer: rows, also as text, CSV, JSON or a pandas DataFrame."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Any, overload

from ...errors import ConfigurationError
from ...formatting import plain_amount
from ..charts.chart import chart_html, framed
from ..charts.words import dearest as dearest_work
from .report_chart import chart_of
from .results import KeyRow, PeriodRow, Row, WorkRow
from .table import as_table
from .table_html import as_html_table

if TYPE_CHECKING:
    import pandas as pd

    from ...periods import Zone
    from ..charts.data import ChartData
    from .spans import Span


_FORMULA_STARTS = ("=", "+", "-", "@", *"\uff1d\uff0b\uff0d\uff20")


class Report(Sequence[Any]):
    """The rows that `evolink_nb.history` returns.

    Attributes:
        by: The grouping: "minute" to "month", "cell", "notebook", "key" or "user"; "" for periods that suit
            the span.
        span: The span of time: its ``start`` and ``end``, as aware datetimes.
        total: Total credits spent: by time or key, what the keys spent; otherwise, what measured work cost.
        dearest: The measured work that cost most in that time, most expensive first; empty except for
            periods.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        *,
        by: str,
        span: Span,
        total: Decimal,
        dearest: Sequence[WorkRow] = (),
        zone: Zone = None,
    ) -> None:
        """Create a report.

        Args:
            rows: The rows, all of one kind.
            by: The grouping.
            span: The span of time.
            total: Total credits spent.
            dearest: The work that cost most, most expensive first.
            zone: The time zone that a chart shows; None is this machine's.
        """
        self._rows = tuple(rows)
        self.by = by
        self.span = span
        self.total = total
        self.dearest = tuple(dearest)
        self._zone = zone

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def __repr__(self) -> str:
        table = as_table(self._rows, total=self.total, span=self.span)
        chart = self._chart
        lines = [] if chart is None else dearest_work(chart)
        below = ["  Most expensive work:", *(f"  {number}. {line}" for number, line in enumerate(lines, 1))]
        return "\n".join([table, *(below if lines else [])])

    @property
    def _chart(self) -> ChartData | None:
        """The chart of the periods; None if there are none."""
        periods = [row for row in self._rows if isinstance(row, PeriodRow)]
        return chart_of(periods, self.dearest, self._zone) if periods else None

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002 - IPython's interface
        return {"text/plain": repr(self), "text/html": self._html()}

    def _html(self) -> str:
        """Return the chart of the periods with the table below it."""
        table = as_html_table(self._rows, total=self.total, span=self.span)
        chart = self._chart
        return framed(table) if chart is None else chart_html(chart, table=table)

    @property
    def simulated(self) -> bool:
        """Whether the rows are the demo account's."""
        return any(row.simulated for row in self._rows)

    def to_csv(self) -> str:
        """Return the rows as CSV with a header row, exact amounts, and "" for unknown values."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self._columns())
        for row in self._rows:
            writer.writerow([_csv_value(getattr(row, name)) for name in self._columns()])
        return text.getvalue()

    def to_json(self) -> str:
        """Return the rows as a JSON list of objects, with amounts as strings that contain every digit."""
        rows = [{name: getattr(row, name) for name in self._columns()} for row in self._rows]
        return json.dumps(rows, default=_plain, indent=2)

    def to_dataframe(self) -> pd.DataFrame:
        """Return the rows as a pandas ``DataFrame``, for computing and plotting.

        Returns:
            A frame with amounts as float64, NaN if unknown, and times in UTC; the rows have exact amounts.

        Raises:
            ConfigurationError: pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise ConfigurationError("pandas is not installed.", hint="pip install pandas") from None
        columns = self._columns()
        values = [[_number(getattr(row, name)) for name in columns] for row in self._rows]
        frame: pd.DataFrame = pandas.DataFrame(values, columns=list(columns))
        return frame

    def _columns(self) -> tuple[str, ...]:
        kind = type(self._rows[0]) if self._rows else _kind_of(self.by)
        return tuple(field.name for field in fields(kind))


def _kind_of(by: str) -> type[Row]:
    if by in {"cell", "notebook", "user"}:
        return WorkRow
    return KeyRow if by == "key" else PeriodRow


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain_amount(value)
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else value


def _csv_value(value: Any) -> Any:
    # A spreadsheet runs text that begins like this as a formula.
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return "" if value is None else _plain(value)


def _number(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return float(value) if isinstance(value, Decimal) else value
