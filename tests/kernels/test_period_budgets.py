"""Budgets of a day in real kernels: one after the other, side by side, and set by a configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.environment import account_of
from tests.support.kernel import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evolink_nb.demo import DemoServer

LOAD = "%load_ext evolink_nb"
SET = "%evolink_budget 8 --per day --timezone UTC"
SPEND = """
import os, requests, time
while True:
    requests.post(os.environ["EVOLINK_BASE_URL"] + "/v1/images/generations", timeout=60,
        json={"model": "z-image-turbo", "prompt": "a lighthouse"},
        headers={"Authorization": "Bearer " + os.environ["EVOLINK_API_KEY"]}).raise_for_status()
    time.sleep(0.2)
"""


@pytest.fixture
def environment(demo_server: DemoServer, tmp_path: Path) -> dict[str, str]:
    history = {"EVOLINK_NB_HISTORY": str(tmp_path / "history.db")}
    return {**os.environ, **account_of(demo_server), **history}


@pytest.fixture
def first(environment: dict[str, str], tmp_path: Path) -> Iterator[Kernel]:
    """A kernel that keeps a history."""
    with Kernel(environment, tmp_path / "first.log") as kernel:
        kernel.run(LOAD)
        yield kernel


def test_a_day_survives_a_killed_kernel(
    first: Kernel, environment: dict[str, str], demo_server: DemoServer, tmp_path: Path
) -> None:
    """And is shared by kernels side by side."""
    said = first.run(SET).text
    assert said == "The day's budget of 8 credits is set: 0 credits spent already, 8 left."
    demo_server.account.spend(3)
    with Kernel(environment, tmp_path / "second.log") as second:
        second.run(LOAD)
        said = second.run(SET).text
        assert said == "The day's budget of 8 credits is set: 3 credits spent already, 5 left."
        demo_server.account.spend(2)
        heading, row = second.run("%evolink_budget").text.splitlines()
        assert heading.split() == ["budget", "spent", "left", "limit"]
        assert row.split()[:4] == ["day", "5", "3", "8"]
        assert " starts over on " in row
        assert row.endswith(" at 00:00")
    assert first.run("%evolink_budget").text.splitlines()[1].split()[:4] == ["day", "5", "3", "8"]
    stopped = first.run(SPEND)
    assert stopped.error is not None
    assert "The day's budget of 8 credits stopped the work" in stopped.text
    assert "It starts over on " in stopped.text


def test_without_history_a_day_is_refused(kernel: Kernel) -> None:
    kernel.run(LOAD)
    refused = kernel.run(SET)
    assert refused.error is not None
    assert "HistoryError: No history is kept.\nEVOLINK_NB_HISTORY is off; unset it." in refused.text
    assert "The day's budget of 8 credits is not set: it could not watch." in refused.text
    assert kernel.run("%evolink_budget").text == "No budget is set."


@pytest.fixture
def configured(environment: dict[str, str], tmp_path: Path) -> Iterator[Kernel]:
    """A kernel of a class, whose configuration loads the extension and sets a budget."""
    profile = tmp_path / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    lines = ('c.InteractiveShellApp.extensions = ["evolink_nb"]', 'c.EvoLinkMagics.budget = "3/day"')
    (profile / "ipython_config.py").write_text("\n".join(("c = get_config()", *lines, "")))
    place = {"IPYTHONDIR": str(tmp_path / "ipython")}
    with Kernel({**environment, **place}, tmp_path / "class.log") as kernel:
        yield kernel


def test_a_configured_day_watches_all_cells(configured: Kernel) -> None:
    assert configured.run("6 * 7").text == "42"
    stopped = configured.run(SPEND)
    assert stopped.error is not None
    assert "The day's budget of 3 credits stopped the work" in stopped.text
    assert configured.run("%evolink_budget").text.splitlines()[1].split()[0] == "day"
