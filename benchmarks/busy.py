"""Cores as busy as an experiment keeps them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .ratio import Comparison

BUSY = "all cores busy"

# It ends with its parent, however that ends.
_LOOP = """
import os
parent = os.getppid()
print("busy", flush=True)
while os.getppid() == parent:
    for _ in range(100_000):
        pass
"""


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def busy_cores() -> Iterator[None]:
    """Keep every core busy with a process of its own, which does nothing but compute."""
    loops: list[subprocess.Popen[str]] = []
    try:
        loops.extend(
            subprocess.Popen([sys.executable, "-c", _LOOP], stdout=subprocess.PIPE, text=True)
            for _ in range(cores())
        )
        for loop in loops:
            assert loop.stdout is not None  # for mypy  # noqa: S101
            loop.stdout.readline()
        yield
    finally:
        for loop in loops:
            loop.kill()
        for loop in loops:
            loop.communicate()


def quiet_and_busy(
    question: str, measure: Callable[[], list[float]], *, target: float, busy_target: float, name: str
) -> list[Comparison]:
    """Return what is measured on the machine as it is, and then with its cores busy.

    Args:
        question: What is measured, with its unit in parentheses at the end.
        measure: Returns the ratio of each round.
        target: The most it may be.
        busy_target: The most it may be while the cores are busy.
        name: What README calls it by.
    """
    quiet = measure()
    with busy_cores():
        busy = measure()
    return [
        Comparison(question, quiet, target, name),
        Comparison(f"… with {BUSY}", busy, busy_target, f"{name}-busy"),
    ]
