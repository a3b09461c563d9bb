"""The demo that needs no server: the site of `make lite`, in a browser that reaches nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from lite import build, serving
from tests.support.lite_page import LitePage

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MAX_BYTES = 45_000_000

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of the site, built now."""
    assert build.build_site(build.SITE) <= MAX_BYTES
    with serving.serve(build.SITE) as address:
        yield address


@pytest.fixture
def page(site: str, browser: Browser) -> Iterator[LitePage]:
    page = LitePage(browser, site)
    yield page
    asked = page.close()
    assert [url for url in asked if not url.startswith((site, "data:", "blob:"))] == []


def test_the_quickstart_runs_in_a_browser(page: LitePage) -> None:
    page.open("quickstart.ipynb")
    page.start_all()
    page.wait_for_live_card()
    page.finish_all()
    outputs = page.outputs()
    assert "5 credits gone from the account so far" in outputs[5]
    assert "AuthenticationError" in outputs[6]
    assert not any("Traceback" in each for each in outputs)


def test_costs_settle_in_a_browser(page: LitePage) -> None:
    page.open("cost-of-a-cell.ipynb")
    page.start_all()
    page.finish_all()
    outputs = page.outputs()
    assert "2 credits · confirmed" in outputs[2]
    assert "topped up by 500" in outputs[8]
    assert "14 credits in total" in outputs[16]
    assert not any("Traceback" in each for each in outputs)


def test_budgets_stop_work_in_a_browser(page: LitePage) -> None:
    """At the next guarded call: nothing there can be interrupted."""
    page.open("budgets.ipynb")
    page.start_all()
    page.finish_all()
    outputs = page.outputs()
    assert "--max 3 stopped the work at 3 credits spent: it refused the next call" in outputs[2]
    assert "--max 2 stopped the work" in outputs[4]
    assert "spent 2 of 2, 0 over" in outputs[5]
    assert "The budget 'a harbour'" in outputs[6]
    assert "'this session' of 3 credits stopped the work" in outputs[8]
    assert "4 of 40 are done" in outputs[10]
    assert "--max 1 stopped the work" in outputs[12]
    assert not any("Traceback" in each or "Warning" in each for each in outputs)
