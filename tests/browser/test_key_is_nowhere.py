"""The key is in nothing that a notebook open in a browser saves or shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.environment import account_of
from tests.support.secrecy import CELLS

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.jupyter import FrontEnd


def test_saved_notebook_holds_no_key(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook = lab.open(CELLS, environment=account_of(demo_server))
    notebook.run_all()
    expect(notebook.output(3).locator(".evolink-card")).to_have_attribute("data-status", "live")
    notebook.save()
    saved = notebook.path.read_text()
    assert "99,416.4429" in saved
    assert demo_server.key not in saved
    assert demo_server.key not in notebook.page.content()
