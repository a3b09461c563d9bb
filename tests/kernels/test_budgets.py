"""Budgets in a real kernel: set, changed and cancelled, blind, and warning before their limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.metered import LINE

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.kernel import Kernel

BEGIN = """
%load_ext evolink_nb
import os, requests, time
import evolink_nb
def post(path, body): requests.post(
    os.environ["EVOLINK_BASE_URL"] + path, json=body, timeout=60,
    headers={"Authorization": "Bearer " + os.environ["EVOLINK_API_KEY"]}).raise_for_status()
def fault(**fields): post("/demo/fault", fields)
def spend(): post("/v1/images/generations", {"model": "z-image-turbo", "prompt": "a lighthouse"})
def fetcher(): return evolink_nb.CreditsFetcher.shared(evolink_nb.EvoLinkClient())
def work():
    while True: spend(); time.sleep(0.2)
"""


@pytest.mark.parametrize("own", [True, False], ids=["its own", "the session's"])
def test_a_blind_budget_stops_the_work(kernel: Kernel, own: bool) -> None:
    """Even while the server asks for an hour's pause, in which nothing is read."""
    kernel.run(BEGIN)
    line = f"{LINE} --max 5 --max-blind 2\n" if own else ""
    if not own:
        kernel.run("%evolink_budget 5 --max-blind 2")
    fault = "fault(path='/v1/credits', status=429, retry_after=3600)"
    run = kernel.run(f"{line}{fault}\ntime.sleep(60)")
    assert run.error is not None
    assert run.error["ename"] == "BudgetExceeded"
    assert "stopped the work: the balance could not be read for 2 s: " in run.text
    assert "can't be watched: Rate limit exceeded" in run.text
    assert kernel.run("6 * 7").text == "42"


@pytest.mark.parametrize("before", ["", "%evolink_credits"], ids=["loaded", "balance shown"])
def test_the_first_budget_knows_its_cell(kernel: Kernel, before: str) -> None:
    """Nothing was measured or limited when that cell began; still its stop is shown, and only once."""
    kernel.run(BEGIN)
    kernel.run(before)
    run = kernel.run("session = evolink_nb.budget(3)\nwork()")
    assert run.error is not None
    assert run.error["ename"] == "BudgetExceeded"
    assert run.text.count("The session's budget of 3 credits stopped the work at ") == 1


def test_a_passing_refusal_stops_no_watch(kernel: Kernel, demo_server: DemoServer) -> None:
    kernel.run(BEGIN)
    fault = "fault(path='/v1/credits', status=401, times=2)"
    run = kernel.run(f"{LINE} --max 5\n{fault}\nwork()")
    assert run.error is not None
    assert "--max 5 stopped the work at " in run.text
    assert demo_server.requests_seen["/v1/images/generations"] < 40


def test_a_warning_shows_once_in_the_cell(kernel: Kernel) -> None:
    kernel.run(BEGIN)
    run = kernel.run(
        f"{LINE} --max 6 --warn-at 0.5\nfor _ in range(4): spend()\n"
        "while not fetcher().notice: time.sleep(0.01)\nfetcher().read(); fetcher().read()"
    )
    assert run.error is None
    assert run.text.count("--max 6: ") == 1
    assert " credits spent, " in run.text


def test_a_budget_is_changed_between_cells(kernel: Kernel) -> None:
    kernel.run(BEGIN)
    assert kernel.run("%evolink_budget 2").text == "The session's budget of 2 credits is set."
    assert kernel.run("work()").error is not None
    assert "of 200 credits is set: " in kernel.run("%evolink_budget 200").text
    assert kernel.run("for _ in range(3): spend()").error is None
    header, row = kernel.run("%evolink_budget").text.splitlines()
    assert header.split() == ["budget", "spent", "left", "limit"]
    assert row.split()[::3] == ["session", "200"]
    assert kernel.run("%evolink_budget off").text == "The session's budget of 200 credits is off."


def test_a_budget_run_again_starts_anew(kernel: Kernel) -> None:
    """The cell is edited and run again; what is cancelled then leaves none behind, nor does `%reset`."""
    kernel.run(BEGIN)
    kernel.run("session = evolink_nb.budget(2)")
    assert kernel.run("work()").error is not None
    kernel.run("session = evolink_nb.budget(50)")
    assert kernel.run("for _ in range(5): spend(); time.sleep(0.3)").error is None
    kernel.run("%reset -f")
    assert len(kernel.run("%evolink_budget").text.splitlines()) == 2
    kernel.run("%evolink_budget off")
    assert kernel.run("%evolink_budget").text == "No budget is set."
