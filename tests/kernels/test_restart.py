"""A new user's notebook from its first cell to the one after a restart: every figure is the server's."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import nbformat
import pytest

from evolink_nb.demo import OWN_KEY, Account, DemoServer
from tests.support.environment import account_of, isolated_environment
from tests.support.metered import LINE
from tests.support.notebooks import Job, run_with_restart, text_of

SETUP = """
%load_ext evolink_nb
%config EvoLinkMagics.quiet = 1
import httpx, openai, requests
from evolink_nb import EvoLinkClient
client = EvoLinkClient()
def image(model, **more):
    url = client.base_url + "/v1/images/generations"
    requests.post(url, json={"model": model, "prompt": "a pier"}, timeout=60, **more).raise_for_status()
ai = openai.OpenAI(
    api_key="-", base_url=client.base_url + "/v1", http_client=httpx.Client(auth=client.auth)
)
def ask():
    ai.chat.completions.create(model="gpt-5.2", messages=[{"role": "user", "content": "hello"}])
"""
MODELS = ("gemini-3-pro-image-preview", "z-image-turbo")
IMAGES = 6
"""Cells that make an image, each with or without a receipt."""
SURFACES = ("%evolink_costs", "%evolink_costs --since 1h", "%evolink_history --since 1h", "%evolink_credits")


def cells(key: str) -> list[str]:
    """Measured cells, a budget's stop, and every surface; the setup again, another cell, and them again."""
    ways = ("auth=client.auth", f"headers={{'Authorization': 'Bearer {key}'}}")
    images = [
        f"{LINE} --settle 20\nimage({MODELS[each % 2]!r}, {ways[each % 3 > 1]})  # {each}"
        for each in range(IMAGES)
    ]
    stop = f"{LINE} --max 3 --settle 20\nwhile True: ask()"
    return [SETUP, *images, stop, *SURFACES, SETUP, images[0], *SURFACES]


@pytest.fixture(scope="module")
def server() -> DemoServer:
    """The account, as its server has it after the whole notebook; some calls settle for less."""
    return DemoServer(Account(settle_after=(0.3, 0.8), shortfall_rate=0, failure_rate=0), marked=False)


def figure(pattern: str, text: str) -> Decimal:
    found = re.search(pattern, text, re.MULTILINE)
    assert found, text
    return Decimal(found[1].replace(",", ""))


def test_every_surface_says_what_was_spent(server: DemoServer, tmp_path: Path) -> None:
    """Before a restart of the kernel and after it: lines, tables, history, card and the saved file."""
    with server:
        environment = isolated_environment(tmp_path) | account_of(server)
        environment |= {"EVOLINK_NB_HISTORY": str(tmp_path / "history.db"), "JPY_SESSION_NAME": "mine.ipynb"}
        sources = cells(server.key)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in sources])
        before = IMAGES + 2 + len(SURFACES)
        run_with_restart(Job(notebook, environment, options={"allow_errors": True}), after=before)
        spent = server.account.true_cost(OWN_KEY)
        left = server.account.balance(OWN_KEY)["user"]["remaining_credits"]
    nbformat.write(notebook, tmp_path / "mine.ipynb")
    saved = nbformat.read(tmp_path / "mine.ipynb", as_version=4).cells
    said = [text_of(cell) for cell in saved]
    lines = [figure(r"^(?:about )?([\d.]+) credits? · ", said[each]) for each in (*range(1, IMAGES + 2), -5)]
    assert sum(lines) == spent
    assert "BudgetExceeded: --max 3 stopped the work" in said[IMAGES + 1]
    check(said[before - len(SURFACES) : before], spent - lines[-1], spent - lines[-1], left + lines[-1])
    check(said[-len(SURFACES) :], lines[-1], spent, left)


def check(shown: list[str], in_kernel: Decimal, spent: Decimal, left: Decimal) -> None:
    """Compare what the surfaces show with what was spent, in this kernel and in all."""
    costs, since, history, card = shown
    assert figure(r"Total\s+([\d.]+)", costs) == in_kernel
    assert figure(r"Total\s+([\d.]+)", since) == spent
    assert figure(r"^([\d.]+) credits spent from", history) == spent
    assert figure(r"Account\s+([\d.,]+) credits left", card) == left
