"""`evolink_nb.history(...)`: what an account did, and what work cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from .. import runtime
from ..errors import ConfigurationError, HistoryError
from ..thread_time import own_wait
from .current import current
from .reports.spans import UNITS, span_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ..periods import Zone
    from .reports.report import Report
    from .tables.records import CostRecord

By = Literal["minute", "hour", "day", "week", "month", "cell", "notebook", "key", "user"]
WAYS: tuple[By, ...] = get_args(By)

TIMEOUT = 30.0
"""Seconds that an answer may take."""
FLUSH_SHARE = 0.8
"""The share of an answer's time that writing waiting rows may take first, so that the answer includes them. A
busy machine is slow to write; a database that fails is asked at once."""

T = TypeVar("T")


def history(
    since: str | timedelta | datetime = "7d",
    by: By | None = None,
    *,
    until: datetime | None = None,
    zone: Zone = None,
    timeout: float = TIMEOUT,
) -> Report:
    """Return what the account did, or what work cost, from the history.

    Args:
        since: How far back to look: a duration such as ``24h``, ``7d`` or ``2w``, or a moment.
        by: "minute", "hour", "day", "week" or "month" for what the account did; "key" for what each key did;
            "cell", "notebook" or "user" for what measured work cost. By default, periods that suit the span.
        until: The end of the span; now by default.
        zone: The time zone in which days begin; the machine's by default.
        timeout: Seconds that the answer may take.

    Returns:
        The rows, with ``to_dataframe()``, ``to_csv()`` and ``to_json()``. Demo data is left out unless there
        is nothing else.

    Raises:
        HistoryError: There is no history, or it can't be read.
        ConfigurationError: The span can't be parsed.
    """
    if by is not None and by not in WAYS:
        raise ConfigurationError(f"History by {by!r} is unknown.", hint=f"Choose one of {', '.join(WAYS)}.")
    span = span_of(since, until, zone)
    answer = _answers()

    def ask(connection: Connection) -> Report:
        report: Report
        if by is None or by in UNITS:
            report = answer.report_of_periods(connection, span, by, zone)
        elif by == "key":
            report = answer.report_of_keys(connection, span)
        else:
            report = answer.report_of_work(connection, span, by)
        return report

    return read(ask, timeout=timeout)


def costs(
    since: str | timedelta | datetime, *, until: datetime | None = None, timeout: float = TIMEOUT
) -> list[CostRecord]:
    """Return the cost of each run in all kernels that share the history, oldest first.

    Args:
        since: How far back to look, as for `history`.
        until: The end of the span; now by default.
        timeout: Seconds that the answer may take.

    Returns:
        The costs, including the demo account's.

    Raises:
        HistoryError: There is no history, or it can't be read.
        ConfigurationError: The span can't be parsed.
    """
    span = span_of(since, until, None)
    answer = _answers()
    return read(lambda connection: answer.costs_between(connection, span), timeout=timeout)


def read(ask: Callable[[Connection], T], *, timeout: float = TIMEOUT) -> T:
    """Read from this process's history, on a thread because a database may hang.

    Args:
        ask: Called with a connection in a read-only transaction.
        timeout: Seconds that the answer may take.

    Returns:
        What ``ask`` returned.

    Raises:
        HistoryError: There is no history, or it can't be read.
    """
    return _ask(ask, timeout=timeout, reads_only=True)


def change(ask: Callable[[Connection], T], *, timeout: float = TIMEOUT) -> T:
    """Change this process's history, on a thread because a database may hang.

    Args:
        ask: Called with a connection in a transaction that may write.
        timeout: Seconds that the change may take.

    Returns:
        What ``ask`` returned.

    Raises:
        HistoryError: There is no history, or it can't be written.
    """
    return _ask(ask, timeout=timeout, reads_only=False)


def _ask(ask: Callable[[Connection], T], *, timeout: float, reads_only: bool) -> T:
    writer = current.required_writer()

    def run() -> T:
        writer.flush(timeout * FLUSH_SHARE, retries=False)
        with writer.store().begin(reads_only=reads_only) as connection:
            return ask(connection)

    job = runtime.start(run, name="evolink-history-read", log_errors=False)
    with own_wait():
        has_answered = runtime.wait_until_done(job.future, timeout)
    if not has_answered:
        raise HistoryError(f"The history in {writer.location.shown} didn't answer within {timeout:g} s.")
    return job.future.result()


def _answers() -> Any:
    # It imports SQLAlchemy.
    return import_module("evolink_nb.history.queries.answers")
