"""Metering in a process that was forked while its parent's threads ran, as a pool's workers are."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.metered import GENERATE

CODE = (
    GENERATE
    + """
from evolink_nb import BudgetExceeded, CreditsFetcher, EvoLinkClient, budget, meter
fetcher = CreditsFetcher.shared(EvoLinkClient())
fetcher.start()
fetcher.read()
session = budget(100_000)
child = os.fork()
if child == 0:
    with meter(settle=0) as cost:
        generate()
    print("the meter says", cost.credits, flush=True)
    try:
        with meter(max_credits=2, name="its own", every=0.2):
            while True:
                generate()
    except BudgetExceeded as exceeded:
        print(exceeded.name, "stopped it", flush=True)
    os._exit(0)
os.waitpid(child, 0)
print("the parent went on")
session.cancel()
fetcher.stop()
"""
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.usefixtures("simulated_account")
def test_a_forked_child_meters_its_work() -> None:
    """It measures and stops on threads of its own."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", CODE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.stdout.splitlines() == [
        "the meter says 1",
        "The budget 'its own' (max_credits=2) stopped it",
        "the parent went on",
    ], done.stderr
