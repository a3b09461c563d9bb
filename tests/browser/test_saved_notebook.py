"""What a saved notebook keeps of a live card: the last numbers and their time, wherever it is opened."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from bleach.sanitizer import Cleaner
from nbconvert import HTMLExporter
from playwright.sync_api import expect

from tests.support.cards import LOAD, Card, open_card
from tests.support.environment import account_of
from tests.support.jupyter import NotebookPage
from tests.support.kernel_manager import notebook_client

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from evolink_nb.demo import DemoServer
    from tests.support.jupyter import FrontEnd

LIVE = "%evolink_credits --live --every 0.5"
STILL = "%evolink_credits --live --every 3600"
READ = "reading = %evolink_credits"
EVERY_SECOND = "import evolink_nb.notebook.outputs; evolink_nb.notebook.outputs.REWRITE_AFTER = 1.0"
WIDGET = "application/vnd.jupyter.widget-view+json"
READ_AT = re.compile(r"read \d{4}-\d\d-\d\d \d\d:\d\d:\d\d")

# What a page of GitHub keeps of an output's HTML, as far as it matters here.
_KEPT_TAGS = ["b", "br", "div", "em", "p", "small", "span", "strong", "table", "tbody", "td", "th", "tr"]


class _Rows(HTMLParser):
    """The rows of a table, each as the texts of its cells; `lines` are the texts outside of it."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.lines: list[str] = []
        self._in_table = False
        self.feed(markup)
        self.rows = [[" ".join(cell.split()) for cell in row] for row in self.rows]

    def handle_starttag(self, tag: str, _attributes: object) -> None:
        self._in_table = self._in_table or tag == "table"
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_table = self._in_table and tag != "table"

    def handle_data(self, data: str) -> None:
        if not self._in_table:
            self.lines += [data.strip()] if data.strip() else []
        elif self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def _strip_as_github_does(markup: str) -> str:
    without_styles = re.sub(r"<style>.*?</style>", "", markup, flags=re.DOTALL)
    return str(Cleaner(tags=_KEPT_TAGS, attributes={}, strip=True).clean(without_styles))


def _saved(outputs: list[dict[str, Any]]) -> dict[str, Any]:
    """The one card of a cell that can be read without a kernel; the live view beside it brings a line."""
    readable = [output["data"] for output in outputs if "text/html" in output.get("data", {})]
    [data] = [data for data in readable if "evolink-card" in "".join(data["text/html"])]
    return {kind: "".join(text) for kind, text in data.items()}


def _saved_number(outputs: list[dict[str, Any]]) -> str:
    found = re.search(r'data-field="user-remaining" data-value="([^"]+)"', _saved(outputs)["text/html"])
    assert found is not None
    return found[1]


@pytest.fixture
def executed(simulated_account: DemoServer) -> Any:
    """A notebook that nbclient ran: a live card, and a later cell during which 95.3996 credits went."""

    def spend(cell_index: int, **_: object) -> None:
        if cell_index == 2:
            simulated_account.account.spend("95.3996")

    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in (LOAD, STILL, READ)]
    )
    notebook_client(notebook, timeout=120, on_cell_start=spend).execute()
    return notebook


def test_it_holds_the_last_cells_reading(executed: Any) -> None:
    card = _saved(executed.cells[1].outputs)
    assert _saved_number(executed.cells[1].outputs) == "1000"
    assert "not live" in card["text/html"]
    assert READ_AT.search(card["text/html"])
    assert READ_AT.search(card["text/plain"])
    assert "1,000" in card["text/plain"]


def test_stripped_it_is_a_correct_table(executed: Any) -> None:
    stripped = _strip_as_github_does(_saved(executed.cells[1].outputs)["text/html"])
    assert "class" not in stripped
    assert "svg" not in stripped
    card = _Rows(stripped)
    assert card.rows == [
        ["Account spendable", "1,000 credits left", "of 1,231.3044 · 231.3044 used"],
        ["API key", "99,321.0433 credits left", "of 100,000 · 678.9567 used"],
    ]
    assert card.lines[:3] == ["EvoLink credits", "demo data", "not live"]
    assert READ_AT.match(card.lines[-1])


def test_nbconvert_shows_the_last_numbers(executed: Any, browser: Browser, tmp_path: Path) -> None:
    page_file = tmp_path / "exported.html"
    page_file.write_text(HTMLExporter().from_notebook_node(executed)[0], encoding="utf-8")
    with browser.new_context(offline=True) as context:
        page = context.new_page()
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(error.message))
        page.goto(page_file.as_uri())
        card = Card(page.locator("body"))
        card.shows("1,000")
        expect(card.root).to_have_attribute("data-status", "paused")
        expect(card.field("status")).to_have_text("not live")
        expect(card.field("updated")).to_have_text(READ_AT)
        expect(page.get_by_text("rror")).to_have_count(0)
        assert [failure for failure in failures if "require" not in failure] == []


def _save_with_1000_left(front_end: FrontEnd, server: DemoServer) -> NotebookPage:
    """A notebook saved while its live card shows 1,000; its kernel is gone then, and its page."""
    notebook, card = open_card(front_end, server, STILL, "pass")
    server.account.spend("95.3996")
    card.refresh()
    card.shows("1,000")
    notebook.run(2)
    assert _saved_number(notebook.save()["cells"][1]["outputs"]) == "1000"
    notebook.page.context.close()
    front_end.server.shut_down_kernels()
    return notebook


def test_reopened_it_shows_no_error(front_end: FrontEnd, demo_server: DemoServer, browser: Browser) -> None:
    path = _save_with_1000_left(front_end, demo_server).path
    server = front_end.server
    folder = "lab/workspaces/reopened/tree" if front_end.name == "lab" else "notebooks"
    with browser.new_context() as context:
        url = f"{server.url}{folder}/{path.name}?token={server.token}"
        reopened = NotebookPage(context.new_page(), path, url, cells=3)
        card = Card(reopened.output(1))
        card.shows("1,000")
        expect(card.root).to_have_count(1)
        expect(card.field("status")).to_have_text("not live")
        expect(card.field("updated")).to_have_text(READ_AT)
        expect(card.root.locator("button")).to_have_count(0)
        # What the front end itself says where the live card was.
        complaint = reopened.output(1).locator(".jp-OutputArea-output").first
        expect(complaint).to_have_text("Error displaying widget: model not found")
        expect(complaint).not_to_be_visible()
        reopened.screenshot(f"reopened-{front_end.name}", of=reopened.cell(1))


def test_an_untrusted_copy_shows_the_same(lab: FrontEnd, demo_server: DemoServer) -> None:
    # JupyterLab does not trust it: styles, attributes and drawings are stripped.
    reopened = lab.open_copy(_save_with_1000_left(lab, demo_server).path)
    output = reopened.output(1)
    first_row = "Account spendable 1,000 credits left of 1,231.3044 · 231.3044 used"
    expect(output.locator("tr").first).to_have_text(first_row)
    expect(output).to_contain_text(READ_AT)
    expect(output).to_contain_text("not live")
    expect(output).not_to_contain_text("rror")
    reopened.screenshot("reopened-untrusted", of=reopened.cell(1))


def test_the_file_follows_the_live_card(front_end: FrontEnd, demo_server: DemoServer) -> None:
    notebook = front_end.open([f"{LOAD}\n{EVERY_SECOND}", LIVE], environment=account_of(demo_server))
    notebook.run_all()
    card = Card(notebook.output(1))
    card.is_("live")
    button = card.root.locator('[data-action="refresh"]')
    button.focus()
    mark = "card => { card.mark = 'the same'; }"
    card.root.evaluate(mark)
    height = notebook.output(1).bounding_box()
    written: set[str] = set()
    for amount in (1, 2, 3, 4):
        demo_server.account.spend(amount)
        left = demo_server.account.balance()["user"]["remaining_credits"]
        card.root.page.wait_for_function(
            """left => {
                const file = JSON.stringify(window.jupyterapp.shell.currentWidget.content.model.toJSON());
                const field = JSON.stringify(`data-field="user-remaining" data-value="${left}"`);
                return file.includes(field.slice(1, -1));
            }""",
            arg=str(left),
            timeout=20_000,
        )
        expect(button).to_be_focused()
        expect(notebook.output(1).locator(".evolink-card")).to_have_count(1)
        assert notebook.output(1).bounding_box() == height
        written.add(_saved_number(notebook.save()["cells"][1]["outputs"]))
    assert card.root.evaluate("card => card.mark") == "the same"
    assert len(written) == 4
    assert notebook.console_errors == []


def test_a_failure_is_in_the_file_too(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(lab, demo_server, STILL, "pass")
    demo_server.fault(connection="refuse")
    card.refresh()
    card.is_("offline")
    notebook.run(2)
    saved = _saved(notebook.save()["cells"][1]["outputs"])
    assert 'data-status="offline"' in saved["text/html"]
    assert "1,095.3996" in saved["text/plain"]
    assert WIDGET not in saved
    assert json.dumps(saved).count("refused") >= 2
