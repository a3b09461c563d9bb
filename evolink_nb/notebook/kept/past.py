"""Shows past costs and spending, of this kernel and earlier ones, for the magics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...history import looking_back
from ...metering import ledger
from .ledger import entry_of

if TYPE_CHECKING:
    import argparse

    from ...history.reports.report import Report
    from ...metering.entry import Entry


COSTS_SINCE = "30d"
"""How far back costs are added up by default."""


def entries_for(options: argparse.Namespace) -> Sequence[Entry]:
    """Return the entries that ``%evolink_costs`` adds up.

    Args:
        options: The options of the magic.

    Raises:
        HistoryError: Entries of earlier kernels were asked for, and there is no history.
    """
    if options.since is None:
        return ledger.current().entries()
    return [entry_of(record) for record in looking_back.costs(options.since)]


def show_costs_by(options: argparse.Namespace) -> Any:
    """Show what the work of all kernels has cost, added up as ``%evolink_costs --by`` says.

    Args:
        options: The options of the magic.

    Returns:
        The `Report` or a pandas ``DataFrame``; None if it was printed.

    Raises:
        HistoryError: There is no history, or it can't be read.
        ConfigurationError: pandas is not installed, or the span can't be understood.
    """
    return _shown(looking_back.history(options.since or COSTS_SINCE, options.by), options)


def show_history(options: argparse.Namespace) -> Any:
    """Show what all kernels that share the history have spent, as ``%evolink_history`` says.

    Args:
        options: The options of the magic.

    Returns:
        The `Report` or a pandas ``DataFrame``; None if it was printed.

    Raises:
        HistoryError: There is no history, or it can't be read.
        ConfigurationError: pandas is not installed, or the span can't be understood.
    """
    report = looking_back.history(options.since, options.by)
    if options.json:
        print(report.to_json())
        return None
    return _shown(report, options)


def _shown(report: Report, options: argparse.Namespace) -> Any:
    """Print a report as CSV if that was asked for; else return it for the front end to show."""
    if options.csv:
        print(report.to_csv(), end="")
        return None
    return report.to_dataframe() if options.pandas else report
