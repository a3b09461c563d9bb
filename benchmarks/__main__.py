"""``python -m benchmarks [QUESTION …]``: print each question's ratio to its peer, and whether it holds."""

from __future__ import annotations

import argparse
import sys

from . import clicking, first_card, history, loading, metering, painting, reading, recording, updating

QUESTIONS = {
    "loading": loading.measure,
    "reading": reading.measure,
    "metering": metering.measure,
    "metering-oldest": metering.measure_on_oldest,
    "updating": updating.measure,
    "painting": painting.measure,
    "clicking": clicking.measure,
    "first-card": first_card.measure,
    "history": history.measure,
    "recording": recording.measure,
}


def main() -> int:
    """Measure and print the table.

    Returns:
        The exit code: 1 when a target is missed.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"of: {', '.join(QUESTIONS)}")
    names = parser.parse_args().questions or list(QUESTIONS)
    if not set(names) <= set(QUESTIONS):
        parser.error(f"the questions are: {', '.join(QUESTIONS)}")
    rows = [comparison for name in names for comparison in QUESTIONS[name]()]
    print(
        "A ratio is ours over the peer's, both measured in turn in this run; its spread is the middle half."
    )
    for row in rows:
        print(row.line(width=max(len(other.question) for other in rows)))
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
