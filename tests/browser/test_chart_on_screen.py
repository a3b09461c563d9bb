"""The chart of the history in a browser: readable in every host's colours and at every width."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from evolink_nb.history.charts.chart import chart_html
from evolink_nb.history.storage.location import find_location
from tests.gallery.themes import THEMES, Theme
from tests.history.charts import CHARTS, a_day, a_year, hostile
from tests.support.histories import cost, reading, source, writing_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from evolink_nb.history.charts.data import ChartData
    from tests.support.jupyter import FrontEnd

SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
OVERLAPPING = """
(texts) => {
  const shown = texts.filter(text => text.getClientRects().length && text.textContent.trim());
  const boxes = shown.map(text => [text.textContent, text.getBoundingClientRect()]);
  const found = [];
  for (const [i, [one, a]] of boxes.entries())
    for (const [other, b] of boxes.slice(i + 1))
      if (a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom)
        found.push([one, other]);
  return found;
}
"""


@pytest.fixture(params=THEMES, ids=lambda theme: theme.name)
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """An empty page as a host colours it."""
    theme: Theme = request.param
    page = browser.new_page(color_scheme=theme.scheme, viewport={"width": 940, "height": 800})
    page.set_content(
        f"<html lang=en><title>History</title><style>{theme.stylesheet}</style>"
        f"<body {theme.attributes}><main><h1>History</h1></main></html>"
    )
    yield page
    page.close()


def put(page: Page, data: ChartData) -> None:
    page.evaluate(
        "markup => document.querySelector('main').insertAdjacentHTML('beforeend', markup)", chart_html(data)
    )


def test_all_can_read_every_chart(page: Page, request: pytest.FixtureRequest) -> None:
    for chart in CHARTS.values():
        put(page, chart())
    expect(page.locator(".evolink-chart")).to_have_count(len(CHARTS))
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    theme = request.node.callspec.params["page"].name
    for width in (940, 300):
        page.set_viewport_size({"width": width, "height": 800})
        page.screenshot(path=SCREENSHOTS / f"charts-{theme}-{width}.png", full_page=True)


@pytest.mark.parametrize("page", THEMES[:1], ids=lambda theme: theme.name, indirect=True)
@pytest.mark.parametrize("width", [260, 400, 520, 640, 900])
def test_it_fits_any_width(page: Page, width: int) -> None:
    """No label covers another, and nothing reaches beyond the chart."""
    page.set_viewport_size({"width": width + 16, "height": 800})
    for chart in (a_day, a_year):
        put(page, chart())
    for figure in page.locator(".evolink-chart").all():
        assert figure.locator("text").evaluate_all(OVERLAPPING) == []
        box = figure.bounding_box()
        assert box is not None
        assert box["width"] <= width
        rightmost = figure.locator("text").evaluate_all(
            "texts => Math.max(...texts.map(text => text.getBoundingClientRect().right))"
        )
        assert rightmost <= box["x"] + box["width"]
        font = figure.locator(".evo-time").first.evaluate("text => getComputedStyle(text).fontSize")
        assert font == "11px"
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width + 16


@pytest.mark.parametrize("page", THEMES[:1], ids=lambda theme: theme.name, indirect=True)
def test_a_hover_is_over_its_bar(page: Page) -> None:
    put(page, a_day())
    hover = page.locator(".evo-hover i").nth(11).bounding_box()
    bar = page.locator(".evo-bar").nth(2).bounding_box()
    assert hover is not None
    assert bar is not None
    assert hover["x"] - 0.5 <= bar["x"] < bar["x"] + bar["width"] <= hover["x"] + hover["width"] + 0.5
    assert hover["y"] <= bar["y"] < bar["y"] + bar["height"] <= hover["y"] + hover["height"] + 1
    page.mouse.move(bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2)
    title = page.evaluate("() => document.querySelector('.evo-hover i:hover').title")
    assert title.startswith("Tue 24 Nov 11:00 to 12:00\n20.2262 credits spent")


@pytest.mark.parametrize("page", THEMES[:1], ids=lambda theme: theme.name, indirect=True)
def test_a_browser_shows_names_as_text(page: Page) -> None:
    put(page, hostile())
    expect(page.locator(".evolink-chart li")).to_contain_text("<script>window.attacked=1</script>")
    expect(page.locator("main script, main img")).to_have_count(0)
    assert page.evaluate("() => window.attacked") is None


def write_a_day(place: Path) -> None:
    """Keep 20 hours until now: topped up after 8, not read for 3 hours, and a dear cell."""
    now = datetime.now(UTC)
    with writing_to(find_location(str(place))) as writer:
        for minutes in range(0, 20 * 60, 10):
            if not 700 < minutes < 900:
                granted = 1500 if minutes > 480 else 1000
                kept = reading(0, minutes // 3, granted=granted)
                at = now - timedelta(minutes=20 * 60 - minutes)
                writer.record_reading(source(), replace(kept, read_at=at))
        writer.record_cost(replace(cost(31, name="train()"), began_at=now - timedelta(hours=15)))
        assert writer.flush(20)


def test_a_history_in_a_notebook(lab: FrontEnd, tmp_path: Path) -> None:
    """Chart and table, as a user sees them; the table opens with the keyboard."""
    place = tmp_path / "history.db"
    write_a_day(place)
    choose = f"import os; os.environ['EVOLINK_NB_HISTORY'] = {str(place)!r}\n%load_ext evolink_nb"
    notebook = lab.open([choose, "%evolink_history --since 20h --by hour"])
    notebook.run(0)
    notebook.run(1)
    figure = notebook.output(1).locator(".evolink-chart")
    expect(figure).to_contain_text("Topped up: 500 on ")
    expect(figure).to_contain_text("No readings: ")
    expect(figure.locator("li")).to_contain_text("train(): 31 credits, ")
    expect(figure.locator(".evo-gap").first).to_be_visible()
    expect(figure.locator("table")).to_be_hidden()
    for theme in ("light", "dark"):
        notebook.set_theme(theme)
        picture = notebook.screenshot(f"history-lab-{theme}", of=figure)
        assert picture.stat().st_size > 0
        results = Axe().run(notebook.page, context=".evolink-chart")
        assert results.violations_count == 0, results.generate_report()
    figure.locator("summary").focus()
    notebook.page.keyboard.press("Enter")
    expect(figure.locator("tbody tr")).not_to_have_count(0)
    expect(figure.locator("tbody tr").first).to_be_visible()
    assert notebook.console_errors == []
