"""What a loop's bar shows, in a notebook and in a terminal, and that it fits."""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from html import unescape
from typing import TYPE_CHECKING

import pexpect
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.metering.loops.spend import LoopSpend
from evolink_nb.metering.loops.text import Fact, joined
from evolink_nb.metering.loops.view import LoopView, Stage
from tests.support.readings import reading
from tests.support.terminal import end

if TYPE_CHECKING:
    from collections.abc import Iterator

FACTS = (Fact("3 of 4 spent", 1), Fact("1 each", 3), Fact("≈ 9 total", 4), Fact("97 left", 2), Fact("old"))


def view(stage: Stage = Stage.RUNNING, *, name: str | None = "views", length: int | None = 9) -> LoopView:
    return LoopView(name, 3, length, 0.75, 60.0, "3 of 4 spent", stage)


def test_line_says_how_a_loop_is_and_ended() -> None:
    assert view().line() == "views: 3/9 · 1 min, about 20 s to go · 3 of 4 spent"
    assert view(Stage.AT_BUDGET).line() == "views: 3/9 · 1 min · stopped at budget · 3 of 4 spent"
    assert view(Stage.DONE, name=None, length=None).line() == "3 items · 1 min · done · 3 of 4 spent"


@pytest.mark.parametrize("stage", Stage)
def test_stage_is_said_and_not_only_coloured(stage: Stage) -> None:
    html = view(stage).html()
    assert stage.value in re.sub("<[^>]*>", "", html)
    colours = [each.html().partition("background: #")[2][:6] for each in map(view, Stage)]
    assert len(set(colours)) == len(Stage)


def test_bar_is_as_long_as_the_progress() -> None:
    assert "width: 75.0%" in view().html()
    assert 'aria-valuenow="75"' in view(Stage.AT_BUDGET).html()
    assert "width: 100.0%" in view(Stage.DONE).html()
    unknown = LoopView(None, 3, None, None, 1.0, "")
    assert "width: 0.0%" in unknown.html()
    assert "aria-valuenow" not in unknown.html()


@given(st.text())
def test_name_of_a_loop_is_no_markup(name: str) -> None:
    html = view(name=name).html()
    assert html.count("<") == view(name=name and "x").html().count("<")
    assert unescape(html).count(name) >= bool(name)


@pytest.mark.parametrize(
    ("stopped", "unread", "left", "stage"),
    [
        (True, False, False, Stage.AT_BUDGET),
        (True, True, False, Stage.UNREADABLE),
        (False, True, True, Stage.LEFT),
        (False, False, False, Stage.DONE),
    ],
)
def test_end_of_a_loop_has_its_stage(stopped: bool, unread: bool, left: bool, stage: Stage) -> None:
    assert Stage.of_end(is_stopped=stopped, is_unread=unread, is_left=left) is stage


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (None, "3 of 4 spent · 1 each · ≈ 9 total · 97 left · old"),
        (48, "3 of 4 spent · 1 each · 97 left · old"),
        (36, "3 of 4 spent · 97 left · old"),
        (20, "3 of 4 spent · old"),
        (1, "old"),
    ],
)
def test_least_needed_facts_go_first(width: int | None, text: str) -> None:
    assert joined(FACTS, width) == text


@pytest.mark.parametrize(
    ("limit", "length", "spent", "done", "progress"),
    [
        (None, None, 3, 3, None),
        (None, 4, 3, 3, 0.75),
        (4, None, 3, 9, 0.75),
        (10, 4, 3, 3, 0.75),
        (4, 40, 3, 3, 0.75),
        (4, 40, 5, 3, 1.0),
    ],
)
def test_bar_is_scaled_to_what_ends_it(
    limit: int | None, length: int | None, spent: int, done: int, progress: float | None
) -> None:
    """The last item or the budget, whichever is nearer."""
    spend = LoopSpend(None if limit is None else Decimal(limit), length)
    assert spend.progress(0) in {None, 0.0}
    spend.start(reading(0.0, token=100, token_used=0, user=100, user_used=0))
    left = 100 - spent
    spend.record([reading(1.0, token=left, token_used=spent, user=left, user_used=spent)], done)
    assert spend.progress(done) == progress


LOOPS = """
from evolink_nb.demo import DemoServer
from evolink_nb import EvoLinkClient, track
with DemoServer() as server:
    client = EvoLinkClient(server.key, base_url=server.url)
    for _ in track(range(20), max_credits=4, description="summaries", client=client):
        server.account.spend("0.55")
    for _ in track(range(4), client=client, description="summaries"):
        server.account.spend("0.55")
    for _ in track(iter(range(4)), max_credits=50, client=client):
        server.account.spend("0.55")
"""


@pytest.fixture(scope="module")
def terminal(request: pytest.FixtureRequest) -> Iterator[str]:
    """What a terminal of 60 columns gets of three loops."""
    process = pexpect.spawn(
        sys.executable, ["-c", LOOPS], dimensions=(24, 60), encoding="utf-8", timeout=90, env=request.param
    )
    process.expect(pexpect.EOF)
    yield process.before or ""
    end(process)


def colours(environment: dict[str, str]) -> dict[str, str]:
    return {"PATH": "", "TERM": "xterm", "LANG": "C.UTF-8", **environment}


@pytest.mark.parametrize("terminal", [colours({})], indirect=True)
def test_bar_fits_sixty_columns(terminal: str) -> None:
    frames = re.sub("\x1b\\[[0-9;]*[A-Za-z]", "", terminal).replace("\n", "\r").split("\r")
    bars = [frame for frame in frames if "%|" in frame]
    assert any("stopped at budget" in bar and "7/20" in bar for bar in bars)
    assert any(bar.startswith("100%|") and "4 items" in bar for bar in bars)
    assert [bar for bar in bars if len(bar) > 60] == []
    assert all("/20 [" in bar or "/4 [" in bar or "item" in bar for bar in bars)
    # Amber where a budget stopped it, green where all is done.
    assert terminal.count("\x1b[33m") == 1
    assert terminal.count("\x1b[32m") == 2


@pytest.mark.parametrize("terminal", [colours({"NO_COLOR": "1"})], indirect=True)
def test_bar_has_no_colour_if_none_is_wanted(terminal: str) -> None:
    assert "stopped at budget" in terminal
    assert not re.search("\x1b\\[[0-9;]*m", terminal)
