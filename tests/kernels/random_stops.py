"""Stops at random moments in real kernels: ``python -m tests.kernels.random_stops [NUMBER] [SEED]``.

Half of the cells have a clean-up of 3 s. After each stop the clean-up must have run to its end, the next cell
must run, no interrupt may arrive late, and every handler must be as before.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Empty

from evolink_nb.demo import DemoServer
from tests.support import colab
from tests.support.environment import account_of, isolated_environment
from tests.support.kernel import Kernel
from tests.support.metered import LINE
from tests.support.waiting import wait_until

KERNELS = 6
NOT_STOPPED = "it was not stopped"
MAX_DELAY = 1.0
"""The longest time from a cell's beginning to what takes it over its limit, in seconds."""

BEGIN = """
%load_ext evolink_nb
import asyncio, os, signal, subprocess, threading, time
from concurrent.futures import ThreadPoolExecutor
from evolink_nb import BudgetExceeded
done = []
"""
STATE = """
shell = get_ipython()
print([signal.getsignal(number) for number in (signal.SIGINT, signal.SIGURG)], shell.custom_exceptions)
"""
WORK = {
    "a sleep": "time.sleep(60)",
    "a busy loop": "while True: number += sum(range(50))",
    "a retry loop": (
        "while True:\n        try: time.sleep(0.01); raise ConnectionError\n        except Exception: pass"
    ),
    "an await": "await asyncio.sleep(60)",
    "a loop that awaits": "while True: await asyncio.sleep(0.01)",
    "a loop that yields": "while True: await asyncio.sleep(0)",
    "tasks": "await asyncio.gather(*(asyncio.sleep(60) for _ in range(3)))",
    "a thread": "await asyncio.to_thread(time.sleep, 0.5); time.sleep(60)",
    "a pool": "with ThreadPoolExecutor(2) as pool: list(pool.map(time.sleep, [0.3] * 100))",
    "a process": "subprocess.run(['sleep', '60'])",
    "IPython's shell": "while True:\n        !sleep 1",
    "a shell": "os.system('sleep 60; sleep 60')",
}
CLEAN_UP = (
    "end = time.monotonic() + 3\n    while time.monotonic() < end: time.sleep(0.01)\n    done.append(True)"
)


@dataclass(frozen=True)
class Attempt:
    """One stop: where the work is, whether it cleans up, and when it goes over its limit.

    Attributes:
        where: A key of `WORK`.
        cleans_up: Whether it has a clean-up of 3 s.
        delay: Seconds from the cell's beginning to the spending.
    """

    where: str
    cleans_up: bool
    delay: float


def attempts(number: int, seed: int) -> list[Attempt]:
    """Return attempts over all kinds of work, the same for the same seed.

    Args:
        number: How many.
        seed: The seed of their moments.
    """
    moments = random.Random(seed)  # noqa: S311 - not for cryptography
    kinds = list(WORK)
    return [
        Attempt(kinds[each % len(kinds)], each // len(kinds) % 2 == 1, moments.uniform(0, MAX_DELAY))
        for each in range(number)
    ]


def failure_of(kernel: Kernel, account: DemoServer, attempt: Attempt) -> str:
    """Stop one cell, and return what went wrong; empty if nothing did.

    Args:
        kernel: A kernel that has run `BEGIN`.
        account: Its account.
        attempt: The work and the moment.
    """
    before = kernel.run(f"done.clear()\n{STATE}").text
    with tempfile.TemporaryDirectory() as folder:
        begun = Path(folder) / "begun"
        last = CLEAN_UP if attempt.cleans_up else "pass"
        cell = f"{LINE} --max 5 -q\nopen({str(begun)!r}, 'w').close()\n"
        # CPython 3.11 takes an interrupt at a loop's end for one before it, which must be in the `try` too.
        cell += f"try:\n    number = 0\n    {WORK[attempt.where]}\nfinally:\n    {last}"

        def spend() -> None:
            # What is spent before the cell's own reading wouldn't count.
            wait_until(begun.exists)
            time.sleep(attempt.delay)
            account.account.spend(5)

        try:
            run = kernel.run(cell, during=spend)
        except Empty:
            return NOT_STOPPED
    after = kernel.run("time.sleep(0.3); print(done, 6 * 7)").text
    expected = {
        "error": "BudgetExceeded",
        "next cell": f"{[True] if attempt.cleans_up else []} 42",
        "handlers": before,
    }
    found = {
        "error": "none" if run.error is None else run.error["ename"],
        "next cell": after,
        "handlers": kernel.run(STATE).text,
    }
    return "; ".join(f"{name}: {found[name]!r}" for name in expected if found[name] != expected[name])


def failures(share: list[Attempt]) -> list[tuple[Attempt, str]]:
    """Run attempts in a kernel of their own, and return those that failed, each with what went wrong.

    Args:
        share: The attempts.
    """
    found = []
    with tempfile.TemporaryDirectory() as folder, DemoServer() as account:
        home = Path(folder)
        environment = {**isolated_environment(home), **account_of(account), "PYTHONPATH": str(colab.ROOT)}
        with Kernel(environment, home / "kernel.log") as kernel:
            kernel.run(BEGIN)
            for attempt in share:
                problem = failure_of(kernel, account, attempt)
                if problem:
                    found.append((attempt, problem))
                if problem == NOT_STOPPED:  # nor may this kernel answer again
                    break
    return found


def main(number: int, seed: int) -> int:
    """Run attempts in several kernels at a time, and print what failed.

    Args:
        number: How many.
        seed: The seed of their moments.

    Returns:
        How many failed.
    """
    every = attempts(number, seed)
    with ThreadPoolExecutor(KERNELS) as pool:
        shares = pool.map(failures, [every[first::KERNELS] for first in range(KERNELS)])
        failed = [each for share in shares for each in share]
    for attempt, problem in failed:
        print(attempt, problem)
    where = dict(Counter(attempt.where for attempt, _ in failed))
    print(f"{number} stops, seed {seed}: {len(failed)} failed {where or ''}")
    return len(failed)


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    sys.exit(main(*given, *(300, 1)[len(given) :]) > 0)
