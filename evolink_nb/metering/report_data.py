"""The table of costs as data: as CSV and as a pandas DataFrame."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from ..formatting import plain_amount

if TYPE_CHECKING:
    import pandas as pd

    from .summary import Row

FIELDS = (
    "name",
    "kind",
    "runs",
    "unknown_runs",
    "items",
    "total_credits",
    "mean_credits",
    "last_credits",
    "change_credits",
    "mean_seconds",
    "confidence",
    "simulated",
    "unsettled_credits",
    "returned_credits",
)
"""The columns of the CSV and the DataFrame."""

# A spreadsheet runs text as a formula if it begins with one of these, full-width or not.
_FORMULA_STARTS = ("=", "+", "-", "@", *"\uff1d\uff0b\uff0d\uff20")


def as_csv(rows: Iterable[Row]) -> str:
    """Return rows as CSV text, with a header row of `FIELDS`.

    Args:
        rows: The rows.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    for row in rows:
        name, *values = _record(row)
        guard = "'" if name.startswith(_FORMULA_STARTS) else ""
        writer.writerow((guard + name, *map(_csv_value, values)))
    return text.getvalue()


def as_data_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Return rows as a DataFrame with the columns `FIELDS`.

    Args:
        rows: The rows.

    Raises:
        ConfigurationError: pandas is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415 - heavy, and optional
    except ImportError:
        raise ConfigurationError(
            "A DataFrame needs pandas, which is not installed here.",
            hint="Type %pip install pandas, or take the CSV: %evolink_costs --csv.",
        ) from None
    table = pd.DataFrame([_record(row) for row in rows], columns=list(FIELDS))
    numbers = {name: "float64" for name in FIELDS if name.endswith(("_credits", "_seconds"))}
    counts = dict.fromkeys(("runs", "unknown_runs", "items"), "int64")
    return table.astype(numbers | counts | {"simulated": "bool"})


def one_line(row: Row) -> str:
    """Return a row's name without characters that would break its line or reverse its text.

    Args:
        row: The row.
    """
    spaced = "".join(" " if character.isspace() else character for character in row.name)
    shown = "".join(character for character in spaced if character.isprintable())
    return " ".join(shown.split()) or row.kind


def _record(row: Row) -> tuple[Any, ...]:
    """Return a row's values in the order of `FIELDS`."""
    return (
        one_line(row),
        row.kind,
        row.runs,
        row.unknown,
        row.items,
        row.total,
        row.mean,
        row.last,
        row.change,
        row.seconds,
        row.confidence,
        row.simulated,
        row.unsettled,
        row.returned,
    )


def _csv_value(value: object) -> str:
    if isinstance(value, Decimal):
        return plain_amount(value)
    return "" if value is None else str(value)
