"""What does it cost to know a cell's cost: before it, after it, in the cell that comes next?

Everything runs in one real kernel, the demo API in this process. A cell that only notes the time is run with
``%%evolink_credits`` on top and without, in turn. It begins and ends with the *busy* and *idle* that the
kernel itself stamps, so that the way of the messages is no part of it.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evolink_nb.demo import DemoServer
from evolink_nb.history.storage.location import HISTORY_VARIABLE
from evolink_nb.notebook.configured.configuration import variable_of
from tests.support import colab
from tests.support.environment import account_of, isolated_environment

from .kernel import connected_client
from .ratio import Comparison, part

if TYPE_CHECKING:
    from jupyter_client.blocking.client import BlockingKernelClient

WARM_UP = 3
ROUNDS = 40
TRACKING_ROUNDS = 10
CELLS = 5
"""Cells for which tracking is on, and then off, in each round; each on its own."""
ROW = 20
"""The same, one right after the other."""
QUIET = 1.0
"""Seconds for which nothing must move before a cost is believed: by default it takes longer to settle."""
PAUSE = 0.3
"""Seconds after which a cell that spent nothing is settled."""

_SET_UP = """
%load_ext evolink_nb
import json, time
from evolink_nb import EvoLinkClient
_notes = []
_client = EvoLinkClient()
_client.get_credits()
"""
_BARE = "_notes.append(time.time())"
_METERED = f"%%evolink_credits -o _cost\n{_BARE}"
_SETTLED = "_cost.wait(10)"
_ONE_READ = "_started = time.perf_counter(); _client.get_credits(); _read = time.perf_counter() - _started"


class Times(NamedTuple):
    """Seconds of one cell: until its first statement, and from there to its end."""

    before: float
    after: float

    @property
    def whole(self) -> float:
        """From the kernel's *busy* to its *idle*."""
        return self.before + self.after


def measure(share: float = 1.0) -> list[Comparison]:
    """Return what the line costs before and after its cell, and what tracking costs a cell of no cost."""
    return _measure(sys.executable, share)


def measure_on_oldest(share: float = 1.0) -> list[Comparison]:
    """Return the same on the oldest set of packages that is supported, Colab's."""
    return [
        replace(comparison, question=f"Colab's set: {comparison.question}", name="")
        for comparison in _measure(str(colab.python()), share)
    ]


def _measure(interpreter: str, share: float) -> list[Comparison]:
    with DemoServer() as server, tempfile.TemporaryDirectory() as home:
        history = {HISTORY_VARIABLE: str(Path(home) / "history.db")}  # kept, as it is by default
        quick = {variable_of("quiet"): str(QUIET)}
        environment = {**isolated_environment(Path(home)), **account_of(server), **history, **quick}
        environment |= {"PYTHONPATH": str(colab.ROOT)}
        with connected_client(environment, interpreter=interpreter) as client:
            _run(client, _SET_UP)
            return [
                *_of_the_line(client, part(ROUNDS, share)),
                *_of_tracking(client, part(TRACKING_ROUNDS, share)),
            ]


def _of_the_line(client: BlockingKernelClient, rounds: int) -> list[Comparison]:
    before, rest, added, following = [], [], [], []
    for number in range(WARM_UP + rounds):
        metered, next_one = _cells(client, _METERED, _BARE)
        _run(client, _SETTLED)
        [bare] = _cells(client, _BARE)
        _run(client, _ONE_READ)
        [read] = _numbers(client, "[_read]")
        if number >= WARM_UP:
            before.append((metered.before - bare.before) / read)
            rest.append((bare.before + metered.after) / bare.whole)
            added.append((metered.after - bare.after) * 1000)
            following.append(next_one.whole / bare.whole)
    return [
        Comparison(
            "before a cell with `%%evolink_credits` ÷ a warm `get_credits()` (time)",
            before,
            2.0,
            "before-cell",
        ),
        Comparison(
            "the rest of that cell, its line shown ÷ the bare cell, which does nothing (time)", rest, 3.0
        ),
        Comparison("what the line adds after its cell (ms)", added, 10.0),
        Comparison("the next cell, while that one settles ÷ the bare cell (time)", following, 1.5),
    ]


def _of_tracking(client: BlockingKernelClient, rounds: int) -> list[Comparison]:
    ratios, added, added_in_a_row = [], [], []
    for _ in range(rounds):
        alone, in_a_row = {}, {}
        for state in ("on", "off"):
            _run(client, f"%evolink_track {state}")
            alone[state] = statistics.median(_cell_alone(client).whole for _ in range(CELLS))
            in_a_row[state] = statistics.median(cell.whole for cell in _cells(client, *[_BARE] * ROW))
        ratios.append(alone["on"] / alone["off"])
        added.append((alone["on"] - alone["off"]) * 1000)
        added_in_a_row.append((in_a_row["on"] - in_a_row["off"]) * 1000)
    return [
        Comparison(
            "a cell that spends nothing, with `%evolink_track on` ÷ the bare cell (time)",
            ratios,
            1.5,
        ),
        Comparison("what tracking adds to that cell (ms)", added, 1.0, "tracking-ms"),
        Comparison(f"… to each of {ROW}, one right after the other (ms)", added_in_a_row, 1.0),
    ]


def _cell_alone(client: BlockingKernelClient) -> Times:
    """Run a cell some time after the one before, as a user does."""
    time.sleep(PAUSE)
    return _cells(client, _BARE)[0]


def _cells(client: BlockingKernelClient, *sources: str) -> list[Times]:
    """Run cells one right after the other, each of which notes when its first statement runs."""
    ran = [_run(client, source) for source in sources]
    notes = _numbers(client, f"_notes[-{len(sources)}:]")
    return [
        Times(note - busy.timestamp(), idle.timestamp() - note)
        for (busy, idle), note in zip(ran, notes, strict=True)
    ]


def _numbers(client: BlockingKernelClient, expression: str) -> list[float]:
    """Return the value of an expression in the kernel; no cell is run for it."""
    request = client.execute("", silent=True, user_expressions={"it": f"json.dumps({expression})"})
    while True:
        reply = client.get_shell_msg(timeout=60)
        if reply["parent_header"]["msg_id"] == request:
            text = reply["content"]["user_expressions"]["it"]["data"]["text/plain"]
            numbers: list[float] = json.loads(text.strip("'"))
            return numbers


def _run(client: BlockingKernelClient, code: str) -> tuple[datetime, datetime]:
    """Run a cell; return when the kernel says that it was busy with it and when idle again."""
    request = client.execute(code, store_history=False)
    busy: datetime | None = None
    while True:
        message = client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") != request:
            continue
        if message["msg_type"] == "error":
            raise RuntimeError("\n".join(message["content"]["traceback"]))
        state = message["content"].get("execution_state")
        if state == "busy":
            busy = message["header"]["date"]
        if state == "idle" and busy is not None:
            return busy, message["header"]["date"]
