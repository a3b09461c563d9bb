"""A short soak, and what a long one goes by; `make soak` runs one of ten minutes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.soak.cells import CELLS, Sample
from tests.soak.soak import MAX_END, Report, soak
from tests.soak.steady import Tolerance, growth
from tests.support.wall_clock import IS_POSSIBLE, WallClock

if TYPE_CHECKING:
    from pathlib import Path

TURNS = 3
SAMPLE = Sample(seconds=0.0, memory=60 << 20, handles=60, threads=1, comms=2, widgets=2, objects=30)


def test_nothing_grows_or_hangs() -> None:
    """Every cell three times, with faults, forks, clock jumps, and observers that raise, exit and block."""

    def goes_on(report: Report) -> bool:
        return len(report.samples) < TURNS

    report = soak(goes_on, seed=11)
    assert report.problems == []
    assert report.runs == dict.fromkeys(CELLS, TURNS)
    assert growth(report.samples, Tolerance()) == {}
    assert set(report.endings) == {"unloading", "the kernel's end"}
    assert max(report.endings.values()) < MAX_END


def test_growth_is_noticed() -> None:
    steps = Tolerance(memory=1 << 20, handles=1, threads=1, comms=1, widgets=1, objects=1)
    grown = [
        replace(SAMPLE, memory=SAMPLE.memory + (number << 20), comms=SAMPLE.comms + number)
        for number in range(12)
    ]
    assert growth(grown, steps) == {"memory": 4 << 20, "comms": 4}


@pytest.mark.parametrize("count", [0, 1, 2, 3, 12])
def test_level_and_warming_up_are_fine(count: int) -> None:
    """What is reached in the first third, and what goes up and down, is no growth."""
    samples = [replace(SAMPLE, threads=1 + number % 2) for number in range(count)]
    if samples:
        samples[0] = replace(SAMPLE, memory=1)
    assert growth(samples, Tolerance()) == {}


@pytest.mark.skipif(not IS_POSSIBLE, reason="this takes Linux and a C compiler")
def test_the_wall_clock_can_be_set(tmp_path: Path) -> None:
    """While a program runs, and without its monotonic clock."""
    clock = WallClock(tmp_path)
    program = (
        "import sys, time\nfor _ in range(2): print(time.time() - time.monotonic(), flush=True); input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=clock.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        right = float(process.stdout.readline())
        clock.shift(-86_400)
        print(file=process.stdin, flush=True)
        assert float(process.stdout.readline()) == pytest.approx(right - 86_400, abs=10)
        process.communicate("\n")
