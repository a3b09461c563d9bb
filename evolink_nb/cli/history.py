"""``evolink-nb history``: what was spent, where that is kept, and how it is forgotten."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..errors import ConfigurationError, HistoryError
from ..history import forgetting
from ..history.current import current
from ..history.forgetting import what_would_go
from ..history.location import Kind
from ..history.looking_back import By, history
from . import output
from .exit_codes import OK

if TYPE_CHECKING:
    from ..history.report import Report

_YES = {"y", "yes"}


def run_history(
    *, since: str, by: By | None, as_csv: bool, as_json: bool, where: bool, forget: bool, is_sure: bool
) -> int:
    """Print what the history has, or where it is kept, or delete it.

    Args:
        since: How far back.
        by: What to add up by; None for periods that suit the span.
        as_csv: Whether to print CSV instead of a table.
        as_json: Whether to print JSON.
        where: Whether to print only where it is kept.
        forget: Whether to delete it, after asking.
        is_sure: Whether not to ask.

    Returns:
        The exit code, `OK`.

    Raises:
        EvoLinkError: There is no history, or it can't be used.
        OutputError: It can't be printed.
    """
    if is_sure and not forget:
        raise ConfigurationError("--yes goes with --forget.")
    if where:
        location = current.location
        output.say("off" if location.kind is Kind.OFF else location.shown)
    elif forget:
        location = current.required_writer().location
        is_sure = is_sure or _ask(f"Delete {what_would_go(location)}? [y/N] ")
        output.say(forgetting.forget(location) if is_sure else "Nothing was deleted.")
    else:
        _print_report(history(since, by), as_csv=as_csv, as_json=as_json)
    return OK


def _print_report(report: Report, *, as_csv: bool, as_json: bool) -> None:
    if as_json:
        output.say(report.to_json())
    else:
        output.say(report.to_csv().rstrip("\n") if as_csv else repr(report))


def _ask(question: str) -> bool:
    if not sys.stdin or not sys.stdin.isatty():
        raise HistoryError("Nothing was deleted: nobody can be asked.", hint="Add --yes to be sure.")
    try:
        return input(question).strip().lower() in _YES
    except EOFError:
        return False
