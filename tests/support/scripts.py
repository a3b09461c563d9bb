"""Plain Python scripts that spend, run in processes of their own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Mapping

SECONDS = 150.0
"""Seconds after which a script that should have been stopped counts as one that wasn't."""

SPEND = """
import asyncio, json, os, signal, sys, threading, time, urllib.request
from evolink_nb import BudgetExceeded, budget, meter

def spend(times=1):
    for _ in range(times):
        urllib.request.urlopen(urllib.request.Request(
            os.environ["EVOLINK_BASE_URL"] + "/v1/images/generations",
            data=json.dumps({"model": "z-image-turbo", "prompt": "a lighthouse"}).encode(),
            headers={"Authorization": "Bearer " + os.environ["EVOLINK_API_KEY"]},
        ), timeout=60).read()

def handlers():
    return signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGURG)

before = handlers()
"""
"""What scripts begin with: `spend` spends 1 credit at a time over HTTP."""


def run_script(
    source: str, environment: Mapping[str, str], *, prepare: Callable[[], object] | None = None
) -> str:
    """Run a script to its end.

    Args:
        source: Its source, after `SPEND`.
        environment: Its whole environment.
        prepare: Called in the new process before the script.

    Returns:
        What it printed, on both streams.

    Raises:
        AssertionError: It failed, or did not end.
    """
    done = subprocess.run(
        [sys.executable, "-c", SPEND + source],
        env=dict(environment),
        preexec_fn=prepare,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()


def ignore_sigint() -> None:
    """Have SIGINT ignored, as nohup, cron and shells do for what runs in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
