"""The demo that needs no server: the site of `make lite`, in a browser that reaches nothing else."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from lite import build, bytecode, packages, serving
from tests.support.lite_page import LitePage

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MAX_BYTES = 45_000_000
MAX_REQUESTS = 210
"""Until the first card: 190, with JupyterLab's; a wheel for each package would be 57 more."""
MAX_LOOKS = 24
"""Until the first card: how often Python looks into the page's files, as it does for each late import."""
MAX_FILES = 3000
"""To be put in place before Python starts."""

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of the site, built now."""
    assert build.build_site(build.SITE) <= MAX_BYTES
    with serving.serve(build.SITE) as address:
        yield address


@pytest.fixture(scope="module")
def run(site: str, browser: Browser) -> Iterator[Callable[[str], LitePage]]:
    """Opens a notebook and begins to run it."""
    opened: list[LitePage] = []

    def run(notebook: str) -> LitePage:
        page = LitePage(browser, site)
        opened.append(page)
        page.open(notebook)
        page.start_all()
        return page

    yield run
    for page in opened:
        page.close()
    elsewhere = [url for page in opened for url in page.asked if not url.startswith((site, "data:", "blob:"))]
    assert elsewhere == []


@pytest.fixture(scope="module")
def quickstart(run: Callable[[str], LitePage]) -> LitePage:
    """The first notebook, with its live card."""
    page = run("quickstart.ipynb")
    page.wait_for_live_card()
    return page


@pytest.fixture(scope="module")
def asked_until_card(quickstart: LitePage) -> list[str]:
    """The addresses that the first notebook asked until it had its live card."""
    return quickstart.asked


@pytest.fixture(scope="module")
def others(run: Callable[[str], LitePage], asked_until_card: list[str]) -> dict[str, LitePage]:
    """The other notebooks, running at once: most of the time they wait for an account to settle."""
    assert asked_until_card
    return {name: run(name) for name in build.NOTEBOOKS if name != "quickstart.ipynb"}


def test_the_first_card_takes_few_requests(asked_until_card: list[str]) -> None:
    looks = sum("/api/drive" in url for url in asked_until_card)
    assert looks <= MAX_LOOKS
    assert len(asked_until_card) - looks <= MAX_REQUESTS


def test_saved_outputs_are_shown_at_once(quickstart: LitePage) -> None:
    """Before Python has started."""
    card = next(each for each in quickstart.saved if each)
    assert "demo data" in card
    assert "\n," not in card


@pytest.mark.usefixtures("site")
def test_all_packages_come_with_bytecode() -> None:
    """All of one Python: a browser would take twice as long to compile them as it takes to start."""
    with tarfile.open(build.SITE / build.PYODIDE / packages.ARCHIVE) as archive:
        members = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        magic = {file.read(4) for name, file in members.items() if file and name.endswith(".pyc")}
    names = set(members)
    cached = re.compile(r"__pycache__/(.*)\.cpython-\d+\.pyc$")
    compiled = {cached.sub(r"\1.py", name) for name in names if cached.search(name)}
    sources = {name for name in names if name.endswith(".py") and not bytecode.LEFT_AS_IT_IS.match(name)}
    assert len(names) <= MAX_FILES
    assert len(magic) == 1
    assert sources == compiled


def test_costs_settle_in_a_browser(others: dict[str, LitePage]) -> None:
    page = others["cost-of-a-cell.ipynb"]
    page.finish_all()
    outputs = page.outputs()
    assert "2 credits · confirmed" in outputs[2]
    assert "topped up by 500" in outputs[8]
    assert "14 credits in total" in outputs[16]
    assert not any("Traceback" in each for each in outputs)


def test_budgets_stop_work_in_a_browser(others: dict[str, LitePage]) -> None:
    """At the next guarded call: nothing there can be interrupted."""
    page = others["budgets.ipynb"]
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


def test_the_quickstart_runs_in_a_browser(quickstart: LitePage) -> None:
    quickstart.finish_all()
    outputs = quickstart.outputs()
    assert "5 credits gone from the account so far" in outputs[5]
    assert "AuthenticationError" in outputs[6]
    assert not any("Traceback" in each for each in outputs)
