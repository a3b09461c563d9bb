"""``python -m benchmarks [QUESTION …]``: measure, and print a table with each figure and its target.

The exit code is 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from . import (
    clicking,
    cold,
    extensions,
    first_card,
    history,
    loading,
    memory,
    metering,
    pages,
    painting,
    reading,
    recording,
    report,
    sharing,
    updating,
)
from .busy import cores
from .results import PUBLISHED, Answer, Results, Row, load, save
from .versions import versions

if TYPE_CHECKING:
    from pathlib import Path

    from .ratio import Comparison

QUESTIONS: dict[str, Callable[[float], list[Comparison]]] = {
    "loading": loading.measure,
    "extensions": extensions.measure,
    "cold": cold.measure,
    "reading": reading.measure,
    "recording": recording.measure,
    "metering": metering.measure,
    "metering-oldest": metering.measure_on_oldest,
    "updating": lambda _share: updating.measure(),
    "painting": painting.measure,
    "sharing": sharing.measure,
    "memory": memory.measure,
    "clicking": clicking.measure,
    "first-card": lambda _share: first_card.measure(),
    "history": history.measure,
}
"""Measures each question, with a share of its rounds."""

LAST = pages.ROOT / "build" / "bench" / "results.json"
"""What was measured last, question by question."""
QUIET_LOAD = 0.5
"""Processes for each core, on average, above which a machine isn't quiet."""


def main(arguments: list[str] | None = None) -> int:
    """Measure and print the table.

    Args:
        arguments: The command line; by default the process's own.

    Returns:
        The exit code: 1 when a target is missed or a question has no answer.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"of: {', '.join(QUESTIONS)}")
    parser.add_argument(
        "--write-docs", action="store_true", help="have README and the documentation say what was measured"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--last", action="store_true", help="measure nothing; take what was measured last")
    how.add_argument("--quick", action="store_true", help="one round of each, to see that all of it runs")
    options = parser.parse_args(arguments)
    names = options.questions or list(QUESTIONS)
    if not set(names) <= set(QUESTIONS):
        parser.error(f"the questions are: {', '.join(QUESTIONS)}")
    if options.quick and options.write_docs:
        parser.error("what --quick measures is too rough to be written anywhere")
    results = _last(names) if options.last else _measured(names, quick=options.quick)
    print(report.table(results), end="")
    if options.write_docs:
        published = _merged(PUBLISHED, results)
        save(published, PUBLISHED)
        pages.write(published)
    complete = set(results) == set(names)
    return 0 if complete and all(row.holds for answer in results.values() for row in answer.rows) else 1


def _measured(names: list[str], *, quick: bool) -> Results:
    """Return the answers to questions that have one; keep them for later unless they are quick ones."""
    _warn_if_busy()
    today, used = datetime.now(UTC).date().isoformat(), versions()
    results: Results = {}
    for name in filter(names.__contains__, QUESTIONS):
        begun = time.monotonic()
        _say(f"{name} …")
        try:
            found = QUESTIONS[name](0.0 if quick else 1.0)
        except Exception:  # noqa: BLE001 - the others are to be measured all the same
            traceback.print_exc()
            _say(f"{name}: NOT MEASURED")
            continue
        results[name] = Answer(today, used, [Row.of(each) for each in found])
        _say(f"{name}: {time.monotonic() - begun:.0f} s")
        if not quick:
            save(_merged(LAST, results), LAST)
    return results


def _last(names: list[str]) -> Results:
    return {name: answer for name, answer in _merged(LAST, {}).items() if name in names}


def _merged(path: Path, results: Results) -> Results:
    """Return a file's results, if there is one, with newer ones in their places, in the usual order."""
    known = {**(load(path) if path.exists() else {}), **results}
    return {name: known[name] for name in QUESTIONS if name in known}


def _warn_if_busy() -> None:
    load_average = os.getloadavg()[0]
    if load_average > QUIET_LOAD * cores():
        _say(f"This machine isn't quiet: {load_average:.1f} processes run on its {cores()} cores.")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
