"""Metered cells in JupyterLab and Notebook 7: the line amends itself in place, and a stop is short."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.cards import LOAD
from tests.support.environment import account_of
from tests.support.metered import GENERATE, LINE, cost_lines

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.jupyter import FrontEnd

CELLS = [
    LOAD + GENERATE,
    f"{LINE}\ngenerate()\n6 * 7",
    f"{LINE} --max 3\nwhile True:\n    generate()\n    time.sleep(0.05)",
    "print('the next cell runs')",
    "%evolink_track on",
    "8 * 9",
    "generate(); time.sleep(0.3)",
    "%evolink_track off",
    "%evolink_costs",
]
METERED, LIMITED, NEXT, IDLE, TRACKED, COSTS = 1, 2, 3, 5, 6, 8


def test_line_settles_and_limit_stops(front_end: FrontEnd, demo_server: DemoServer) -> None:
    """The line settles in place and in the file, and a limit stops the cell."""
    # Late enough that the line is seen before it settles, with nothing left to chance.
    demo_server.account.settle_after = (1.0, 1.0)
    notebook = front_end.open(CELLS, environment=account_of(demo_server))
    notebook.run(0)

    notebook.run(METERED)
    line = notebook.output(METERED).locator(".evolink-cost")
    expect(line).to_have_text(re.compile(r"^1 credit · settling …"))
    line.evaluate("line => { line.closest('.jp-OutputArea-child').mark = 'the same'; }")
    height = notebook.output(METERED).bounding_box()
    expect(line).to_have_text(re.compile(r"^1 credit · (settled in \S+ s · )?[\d,.]+ left"), timeout=20_000)
    assert notebook.output(METERED).bounding_box() == height
    expect(notebook.output(METERED)).to_contain_text("42")
    [saved] = cost_lines(notebook.save()["cells"][METERED]["outputs"])
    assert saved == line.inner_text()
    assert "more runs like this" in saved

    notebook.run(LIMITED)
    stopped = notebook.output(LIMITED)
    expect(stopped).to_contain_text("BudgetExceeded: --max 3 stopped the work at ")
    expect(stopped).not_to_contain_text("Traceback")
    expect(stopped.locator(".evolink-cost")).to_have_attribute("data-settled", "true", timeout=20_000)
    notebook.run(NEXT)
    assert notebook.text(NEXT) == "the next cell runs"

    notebook.run(NEXT + 1)
    notebook.run(TRACKED)
    tracked = notebook.output(TRACKED).locator(".evolink-cost")
    expect(tracked).to_have_attribute("data-settled", "true", timeout=20_000)
    # Only now: sooner, it couldn't be told apart from the cell that spends.
    for place in (IDLE, TRACKED + 1, COSTS):
        notebook.run(place)
    expect(notebook.output(COSTS).locator("table")).to_contain_text("Total")
    expect(notebook.output(IDLE)).to_contain_text("72")
    # A tracked cell that spent nothing looks as it does without.
    assert notebook.text(IDLE).strip() == "72"
    for empty in notebook.output(IDLE).locator("> .jp-OutputArea-child").all()[1:]:
        box = empty.bounding_box()
        assert box is not None
        assert box["height"] == 0

    for theme in ("light", "dark"):
        notebook.set_theme(theme)
        for name, place in (("line", METERED), ("stopped", LIMITED), ("tracked", IDLE), ("costs", COSTS)):
            notebook.screenshot(f"metered-{name}-{front_end.name}-{theme}", of=notebook.cell(place))
    assert notebook.console_errors == []


def test_pending_clear_keeps_last_output(front_end: FrontEnd, demo_server: DemoServer) -> None:
    """The line isn't the output that a pending clear waits for; nor is it cleared with what is."""
    loop = (
        "from IPython.display import clear_output\n"
        "for number in range(3):\n    generate(); print('image', number); clear_output(wait=True)\n"
    )
    cells = [
        LOAD + GENERATE,
        f"{LINE}\n{loop}",
        f"{LINE}\n{loop}print('all made')",
        "%evolink_track on",
        loop,
    ]
    notebook = front_end.open(cells, environment=account_of(demo_server))
    notebook.run_all()
    for place, last in ((1, "image 2"), (2, "all made")):
        line = notebook.output(place).locator(".evolink-cost")
        expect(line).to_have_text(
            re.compile(r"^about 3 credits · cells [\d, and]+ together: \d · settled"), timeout=30_000
        )
        expect(notebook.output(place)).to_contain_text(last)
        expect(notebook.output(place)).not_to_contain_text("image 1")
    expect(notebook.output(2)).not_to_contain_text("image 2")
    expect(notebook.output(4)).to_contain_text("image 2")
