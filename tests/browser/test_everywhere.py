"""The card where else notebooks are shown: marimo, Voilà and nbconvert's page, in a real Chromium."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.support.cards import LOAD, Card
from tests.support.environment import account_of, free_port, isolated_environment
from tests.support.jupyter import SCREENSHOTS
from tests.support.kernel_manager import NBCONVERT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Route

    from evolink_nb.demo import DemoServer

_SECONDS_TO_START = 180.0
_TO_OPEN = 120_000.0  # milliseconds; Playwright's own limit is 30 s

MARIMO_NOTEBOOK = """
import marimo

app = marimo.App()


@app.cell
def _():
    from evolink_nb import CreditsWidget

    CreditsWidget(interval=0.5)


if __name__ == "__main__":
    app.run()
"""


def notebook_of(*cells: str) -> dict[str, Any]:
    """A notebook of these code cells, in nbformat's shape."""
    shape: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    return {
        "cells": [{**shape, "id": f"cell-{index}", "source": cell} for index, cell in enumerate(cells)],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


@contextmanager
def served(home: Path, server: DemoServer, *command: str, port_option: str) -> Iterator[str]:
    """The URL at which `command` serves, run by this interpreter with the simulated account as its own."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    environment = isolated_environment(home) | account_of(server)
    log = home / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, f"{port_option}={port}"],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until_served(url, process, log)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_until_served(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    port = urlsplit(url).port
    deadline = time.monotonic() + _SECONDS_TO_START
    while process.poll() is None and time.monotonic() < deadline:
        try:
            # Only whether it listens: asking Voilà for its page would run the notebook.
            with socket.create_connection(("127.0.0.1", port or 0), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} did not start:\n{log.read_text()}")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that reaches this machine and nothing else, as on a train."""
    context = browser.new_context()
    page = context.new_page()
    page.route("**/*", _only_this_machine)
    yield page
    context.close()


def _only_this_machine(route: Route) -> None:
    if urlsplit(route.request.url).hostname in {"127.0.0.1", "localhost", None, ""}:
        route.continue_()
    else:
        route.abort()


def test_it_is_live_in_marimo(page: Page, demo_server: DemoServer, clean_environment: Path) -> None:
    path = clean_environment / "credits.py"
    path.write_text(MARIMO_NOTEBOOK)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    run = ("marimo", "run", str(path), "--headless", "--no-token", "--no-check")
    with served(clean_environment, demo_server, *run, port_option="--port") as url:
        page.goto(url, timeout=_TO_OPEN)
        card = Card(page)
        card.shows("1,095.3996", seconds=60)
        card.is_("live")
        demo_server.account.spend(1)
        card.shows("1,094.3996")
        seen = demo_server.requests_seen["/v1/credits"]
        card.refresh()
        demo_server.wait_for_requests(seen + 1)
        card.is_("live")
    assert errors == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_has_marimos_theme(
    theme: str, browser: Browser, demo_server: DemoServer, clean_environment: Path
) -> None:
    """Whatever the system's is."""
    path = clean_environment / "credits.py"
    path.write_text(MARIMO_NOTEBOOK)
    (clean_environment / "pyproject.toml").write_text(f'[tool.marimo.display]\ntheme = "{theme}"\n')
    run = ("marimo", "run", str(path), "--headless", "--no-token", "--no-check")
    with served(clean_environment, demo_server, *run, port_option="--port") as url:
        for scheme in ("light", "dark"):
            with browser.new_context(color_scheme=scheme) as context:
                page = context.new_page()
                page.route("**/*", _only_this_machine)
                page.goto(url, timeout=_TO_OPEN)
                card = Card(page)
                card.shows("1,095.3996", seconds=60)
                expect(page.locator("body")).to_have_attribute("data-theme", theme)
                card.root.screenshot(path=SCREENSHOTS / f"marimo-{theme}-system-{scheme}.png")
                shown = card.root.evaluate("card => getComputedStyle(card).backgroundColor")
                assert shown == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 25, 30)"}[theme]


def test_it_is_live_in_voila(page: Page, demo_server: DemoServer, clean_environment: Path) -> None:
    path = clean_environment / "credits.ipynb"
    path.write_text(json.dumps(notebook_of(LOAD, "%evolink_credits --live --every 0.5", "%evolink_credits")))
    run = ("voila", str(path), "--no-browser")
    with served(clean_environment, demo_server, *run, port_option="--port") as url:
        page.goto(url, timeout=_TO_OPEN)
        live, still = (Card(page.locator(f"[cell-index='{number}']")) for number in (2, 3))
        live.is_("live", seconds=60)
        live.shows("1,095.3996")
        still.shows("1,095.3996")
        still.is_("paused")
        demo_server.account.spend(1)
        live.shows("1,094.3996")
        live.refresh()
        live.is_("live")
        still.shows("1,095.3996")


def test_it_is_right_on_nbconverts_page(page: Page, demo_server: DemoServer, clean_environment: Path) -> None:
    path = clean_environment / "credits.ipynb"
    path.write_text(json.dumps(notebook_of(LOAD, "%evolink_credits --live", "%evolink_credits")))
    subprocess.run(
        [*NBCONVERT, "--to", "html", "--execute", path],
        env=isolated_environment(clean_environment) | account_of(demo_server),
        check=True,
        capture_output=True,
    )
    page.goto(path.with_suffix(".html").as_uri())
    cells = page.locator(".jp-CodeCell")
    expect(cells).to_have_count(3)
    for number in (1, 2):
        card = Card(cells.nth(number))
        card.shows("1,095.3996")
        card.is_("paused")
        expect(card.field("status")).to_have_text("not live")
        expect(card.field("updated")).to_contain_text("read 20")
        expect(card.root.locator("button")).to_have_count(0)
