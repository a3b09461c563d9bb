"""``python -m tests.soak``: soak a kernel, print what it held, and exit with 1 if that grew, or one hung."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from typing import TYPE_CHECKING

from .soak import MAX_END, Report, soak
from .steady import Tolerance, growth

if TYPE_CHECKING:
    from .cells import Sample


def main() -> int:
    """Soak, print a line for each turn, and say what is wrong.

    Returns:
        The exit code: 1 if something is.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: %(default)g)")
    parser.add_argument("--seed", type=int, help="of a soak to be repeated (default: a new one)")
    options = parser.parse_args()
    seed = secrets.randbelow(1 << 16) if options.seed is None else options.seed
    until: float = time.monotonic() + 60 * options.minutes
    print(f"seed {seed}\n{'time':>6} {'memory':>9} handles threads comms widgets objects", flush=True)

    def goes_on(report: Report) -> bool:
        if report.samples:
            print(line_of(report.samples[-1]), flush=True)
        return time.monotonic() < until

    report = soak(goes_on, seed=seed)
    wrong = [f"{name} took {seconds:.1f} s" for name, seconds in report.endings.items() if seconds > MAX_END]
    grown = growth(report.samples, Tolerance())
    wrong += [*report.problems, *(f"{name} grew by {more:g}" for name, more in grown.items())]
    ends = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.endings.items())
    print(f"{sum(report.runs.values())} cells; {ends}")
    print("\n".join(wrong) or "Level: nothing grew, hung or failed.")
    return 1 if wrong else 0


def line_of(sample: Sample) -> str:
    """A sample as a line of the table."""
    return (
        f"{sample.seconds:5.0f}s {sample.memory / (1 << 20):6.1f} MB {sample.handles:7} {sample.threads:7} "
        f"{sample.comms:5} {sample.widgets:7} {sample.objects:7}"
    )


if __name__ == "__main__":
    sys.exit(main())
