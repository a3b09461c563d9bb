"""``evolink-nb history``: shows what was spent; shows and changes where and how long that is kept."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..errors import ConfigurationError, HistoryError
from ..history import forgetting, keeping
from ..history.current import current
from ..history.forgetting import what_would_go
from ..history.looking_back import By, history
from ..history.storage.location import Kind
from . import output
from .exit_codes import OK

if TYPE_CHECKING:
    from ..history.reports.report import Report

_YES = {"y", "yes"}


def run_history(
    *,
    since: str,
    by: By | None,
    as_csv: bool,
    as_json: bool,
    where: bool,
    forget: bool,
    keep_readings: int | None,
    keep_history: int | None,
    is_sure: bool,
) -> int:
    """Print the history or where it is kept, delete it, or set how long a team's database keeps it.

    Args:
        since: How far back to look.
        by: What to add up by; None for periods that suit the span.
        as_csv: Whether to print CSV instead of a table.
        as_json: Whether to print JSON.
        where: Whether to print only where it is kept.
        forget: Whether to delete it, after asking.
        keep_readings: Days for which a team's database keeps every reading; None to leave that as it is.
        keep_history: Days for which it keeps anything; None to leave that as it is.
        is_sure: Whether to skip the question.

    Returns:
        The exit code, `OK`.

    Raises:
        EvoLinkError: There is no history, or it can't be used.
        OutputError: It can't be printed.
    """
    keeps = keep_readings is not None or keep_history is not None
    if is_sure and not (forget or keeps):
        raise ConfigurationError("--yes goes with --forget, --keep-readings and --keep-history.")
    if keeps and (where or forget or as_csv or as_json):
        raise ConfigurationError("--keep-readings and --keep-history go with --yes alone.")
    if keeps:
        _keep(keep_readings, keep_history, is_sure=is_sure)
    elif where:
        location = current.location
        output.say("off" if location.kind is Kind.OFF else location.shown)
    elif forget:
        location = current.required_writer().location
        is_sure = is_sure or _ask(f"Delete {what_would_go(location)}? [y/N] ")
        output.say(forgetting.forget(location) if is_sure else "Nothing was deleted.")
    else:
        _print_report(history(since, by), as_csv=as_csv, as_json=as_json)
    return OK


def _keep(keep_readings: int | None, keep_history: int | None, *, is_sure: bool) -> None:
    before = keeping.kept_for()
    name = current.location.shown
    question = f"{name} keeps {before.in_words}. Change that for all who share it? [y/N] "
    if is_sure or _ask(question):
        after = keeping.keep_for(keep_readings, keep_history)
        output.say(f"{name} keeps {after.in_words}, for all who share it.")
    else:
        output.say("Nothing was changed.")


def _print_report(report: Report, *, as_csv: bool, as_json: bool) -> None:
    if as_json:
        output.say(report.to_json())
    else:
        output.say(report.to_csv().rstrip("\n") if as_csv else repr(report))


def _ask(question: str) -> bool:
    if not sys.stdin or not sys.stdin.isatty():
        raise HistoryError(
            "Nothing was done: there is nobody to ask.", hint="Add --yes to do it without asking."
        )
    try:
        return input(question).strip().lower() in _YES
    except EOFError:
        return False
