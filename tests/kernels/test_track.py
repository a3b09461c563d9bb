"""A tracked loop in a real kernel: its bar is a widget, and its cost is printed below."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.kernel import Kernel


def test_a_notebook_keeps_the_last_word(demo_server: DemoServer, kernel: Kernel) -> None:
    kernel.run("import evolink_nb, os, urllib.request, json")
    kernel.run(
        "def spend():\n"
        "    body = json.dumps({'model': 'gpt-image-1', 'prompt': 'a', 'n': 1}).encode()\n"
        "    headers = {'Authorization': 'Bearer ' + os.environ['EVOLINK_API_KEY'],"
        " 'Content-Type': 'application/json'}\n"
        "    url = os.environ['EVOLINK_BASE_URL'] + '/v1/images/generations'\n"
        "    urllib.request.urlopen(urllib.request.Request(url, body, headers)).read()"
    )
    run = kernel.run(
        "async for number in evolink_nb.track(range(50), max_credits=8, description='images'):\n    spend()"
    )
    assert run.error is None, run.text
    assert any("application/vnd.jupyter.widget-view+json" in each.get("data", {}) for each in run.outputs)
    texts = [each["text"] for each in run.outputs if each["output_type"] == "stream"]
    spent = demo_server.account.outstanding + sum(held.cost for held in demo_server.account.settled)
    assert 0 < spent <= 8
    assert (
        texts[-1]
        .splitlines()[-1]
        .startswith(f"{demo_server.requests_seen['/v1/images/generations']} items, ")
    )
    assert "Stopped before item" in "".join(texts)
