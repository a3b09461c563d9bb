"""What a soaked kernel runs, again and again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

SETUP = """
import gc, json, logging, multiprocessing, os, sys, threading, time, warnings
import requests
from contextlib import suppress
from evolink_nb import BudgetExceeded, CreditsFetcher, CreditsWidget, EvoLinkClient, EvoLinkError
from evolink_nb import budget, meter, track

logging.getLogger("evolink_nb").setLevel(logging.CRITICAL)  # observers fail all the time
warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
client = EvoLinkClient()
forks = multiprocessing.get_context("fork")

def read_often():
    global fetcher
    fetcher = CreditsFetcher.shared(client, 0.1)
    fetcher.start()

def spend():
    with suppress(requests.RequestException):
        requests.post(f"{client.base_url}/v1/images/generations", auth=client.auth, timeout=5,
                      json={"model": "z-image-turbo", "prompt": "a lighthouse"})

def observed(observer, seconds=0.3, trait="revision"):
    fetcher.observe(observer, trait)
    fetcher.refresh()
    time.sleep(seconds)
    fetcher.set_message(notice=f"{time.monotonic()}")
    fetcher.unobserve(observer, trait)

def raising(_event):
    raise ZeroDivisionError

def leaving(_event):
    sys.exit(3)

def staying(_event):
    time.sleep(1.2)  # longer than anybody waits for it

def reading(_event):
    fetcher.read()

@meter(settle=0)
def metered(_event):
    return 6 * 7

def measuring(_event):
    metered(_event)

def of_a_child(work):
    child = forks.Process(target=work)
    child.start()
    child.join(30)
    if child.is_alive():
        child.kill()
        raise AssertionError("a forked child hangs")
    child.close()

def read_in_child():
    with suppress(EvoLinkError), meter(settle=0):
        spend()
        CreditsFetcher.shared(EvoLinkClient()).read()
    sys.exit(0)

read_often()
"""

CELLS = {
    "card": "%evolink_credits --live --every 0.1 --warn-below 5000",
    "html card": "%evolink_credits --html --every 0.1",
    "static card": "%evolink_credits",
    "closed card": "card = CreditsWidget(interval=0.1, warn_below=5000, on_alarm=leaving); card.close()",
    "measured cell": "%%evolink_credits --settle 1\nspend()",
    "stopped cell": "%%evolink_credits --max 1 --settle 1\nwhile True:\n    spend(); time.sleep(0.05)",
    "tracked cells": "%evolink_track on",
    "no tracked cells": "%evolink_track off",
    "meter": "with meter(name='a meter', settle=1, max_credits=1000): spend()",
    "loop": "for _ in track(range(3), max_credits=1000): spend()",
    "budget": "allowed = budget(1000, name='a budget'); spend(); allowed.cancel()",
    "costs": "%evolink_costs",
    "raising observer": "observed(raising)",
    "leaving observer": "observed(leaving)",
    "blocking observer": "observed(staying)",
    "blocking observer of messages": "observed(staying, trait='notice')",
    "reading observer": "observed(reading)",
    "measuring observer": "observed(measuring)",
    "reads": "with suppress(EvoLinkError): fetcher.read(join=False)",
    "fork": "of_a_child(read_in_child)",
    "fork that exits": "of_a_child(lambda: sys.exit(3))",
    "reloading": "%reload_ext evolink_nb\nread_often()",
}
"""Each by its name; a cell that is run again is the same cell."""

EXPECTED = frozenset(
    {
        "APIConnectionError",
        "APIStatusError",
        "APITimeoutError",
        "BudgetExceeded",
        "CellRefused",
        "EvoLinkError",
        "InvalidResponseError",
        "RateLimitError",
        "ServerError",
    }
)
"""What a cell may end in while the server has faults."""

AT_REST = """
from evolink_nb.metering.active import active_measurements
from ipywidgets.widgets.widget import _instances

def at_rest():
    passing = ("evolink-nb-settle", "evolink-nb-budget")
    deadline = time.monotonic() + 60
    while any(each.name in passing for each in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.05)
    gc.collect()
    # Other kernels' work may amend costs for an hour: what they are costs of is kept for that.
    kept = {work for account in active_measurements._accounts.values() for work in account._members}
    kinds = {}
    for each in gc.get_objects():
        if str(type(each).__module__).startswith("evolink_nb."):
            measurement = getattr(each, "measurement", each)
            if getattr(measurement, "work", None) not in kept:
                kinds[type(each).__name__] = kinds.get(type(each).__name__, 0) + 1
    return json.dumps({
        "threads": len([each for each in threading.enumerate() if each.name.startswith("evolink-nb")]),
        "comms": len(get_ipython().kernel.comm_manager.comms),
        "widgets": len(_instances),
        "objects": sum(kinds.get(name, 0) for name in (
            "Budget BoundedSession CellLines Commands CreditsFetcher CreditsWidget EvoLinkClient Exchange "
            "LiveOutput Loop Measurement MeteredCell Publisher SafeObserver Settler").split()),
    })
"""
COUNT = "print(at_rest())"

STUCK = """
called = threading.Event()
def stuck(_event):
    called.set()
    threading.Event().wait()
fetcher.observe(stuck, "revision")
fetcher.refresh()
called.wait(20)
"""
"""An observer that never returns, at the end."""


@dataclass(frozen=True)
class Sample:
    """What a kernel holds when nothing passing goes on.

    Attributes:
        seconds: Since the soak began.
        memory: Its memory in bytes.
        handles: Its open files and sockets.
        threads: Threads of ours.
        comms: Comms.
        widgets: What ipywidgets keeps.
        objects: Objects of ours that hold a thread, a connection or an output.
    """

    seconds: float
    memory: int
    handles: int
    threads: int
    comms: int
    widgets: int
    objects: int

    @classmethod
    def of(cls, counted: str, **more: Any) -> Sample:
        """Return a sample with what `COUNT` printed."""
        return cls(**json.loads(counted.splitlines()[-1]), **more)
