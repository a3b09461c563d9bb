"""Cells that spend, and what a notebook shows of their cost."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

LINE = "%%evolink_credits"
GENERATE = """
import asyncio, os, requests, signal, threading, time
def generate():
    answer = requests.post(
        os.environ["EVOLINK_BASE_URL"] + "/v1/images/generations",
        headers={"Authorization": "Bearer " + os.environ["EVOLINK_API_KEY"]},
        json={"model": "z-image-turbo", "prompt": "a lighthouse"},
        timeout=60,
    )
    answer.raise_for_status()
"""
"""Defines `generate`, which spends 1 credit over HTTP: a stop may come right after."""

NOTE_READINGS = """
import time
from evolink_nb.polling.fetcher import shared_fetchers
begun, over = [], []
def noted(spend):
    begun.append(time.monotonic())
    spend()
def note_readings():
    taken = [each for fetcher in shared_fetchers() for each in fetcher.readings]
    used = [each.token.used for each in taken if begun and each.monotonic < begun[0]]
    over[:] = [each.token.used - used[-1] for each in taken if used and each.token.used - used[-1] >= 5]
get_ipython().events.register("post_execute", note_readings)
"""
"""Defines `noted`, which spends. At the end of each cell, `over` has what the readings showed as spent since
the first time: each that showed 5 or more, in their order."""

MAX_READINGS = 20
"""The most readings that show a limit reached until the work has stopped: a busy machine takes a few."""


def stopped_at_first(shown: str, over: list[Decimal]) -> bool:
    """Return whether the first reading to show a limit reached stopped the work.

    Args:
        shown: What the cell shows.
        over: What the readings over the limit showed as spent.
    """
    found = re.search(r" stopped the work at ([\d.]+) credits spent", shown)
    return found is not None and Decimal(found[1]) == over[0] and len(over) <= MAX_READINGS


def endless(step: str) -> dict[str, str]:
    """Return cells that only a stop ends, each by where it then is.

    Args:
        step: A statement that spends 1 credit. Each cell runs it 5 times at least.
    """
    return {
        "a retry loop": (
            f"import time\nwhile True:\n    try:\n        {step}; time.sleep(0.05); raise ConnectionError\n"
            "    except Exception:\n        pass"
        ),
        "a sleep": f"import time\nfor _ in range(5): {step}\ntime.sleep(60)",
        "an await": f"import asyncio\nfor _ in range(5): {step}\nawait asyncio.sleep(60)",
        "a loop that awaits": f"import asyncio\nwhile True:\n    {step}; await asyncio.sleep(0.05)",
    }


def cost_lines(outputs: list[Any]) -> list[str]:
    """The lines under a cell that say what it cost, as plain text."""
    found = [output["data"] for output in outputs if "evolink-cost" in str(output.get("data"))]
    return ["".join(data["text/plain"]) for data in found]


def settled_cost(line: str) -> str:
    """The cost in the line under a cell, once that is settled: clean, or shared with others.

    It is an estimate right after a cell that isn't measured and may have spent: that is left out.
    """
    beside = r"cell \d+ and unmeasured work together: [\d.]+ · "
    found = re.match(
        rf"(?:about )?([^·]+) · ({beside})?(settled in \d+\.\d s · )?(shared: |[\d,.]+ left)", line
    )
    assert found, line
    return found[1]
