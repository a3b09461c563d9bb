"""A tracked loop in a real kernel: its bar is a widget, and its cost is printed below."""

from __future__ import annotations

import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from evolink_nb.demo import DemoServer
    from tests.support.kernel import Kernel


class Doorbell:
    """A server whose requests call a function of this process with their path.

    Attributes:
        url: Where it listens.
    """

    def __init__(self, ring: Callable[[str], object]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                ring(self.path.strip("/"))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


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


def test_a_late_account_keeps_its_limit(demo_server: DemoServer, kernel: Kernel) -> None:
    """Each item is charged a while after it has ended."""
    kernel.run("import evolink_nb")
    charging: list[threading.Timer] = []

    def charge(cost: str) -> None:
        charging.append(threading.Timer(1.0, demo_server.account.spend, [cost]))
        charging[-1].start()

    with Doorbell(charge) as door:
        run = kernel.run(
            f"import urllib.request\ncosts = ['0.4', '2', '0.3', '3', '1', '0.7'] * 5\n"
            f"for cost in evolink_nb.track(costs, max_credits=6):\n"
            f"    urllib.request.urlopen('{door.url}/' + cost).read()"
        )
        for timer in charging:
            timer.join()
    assert run.error is None, run.text
    # 0.4 + 2 + 0.3 + 3 is 5.7; the next may cost 3.
    assert demo_server.account.true_cost() == Decimal("5.7")
    assert "Stopped before item 5 of 30: 5.7 of 6 credits spent; the next may cost 3." in run.text


def test_a_pool_in_a_cell_is_held_back(demo_server: DemoServer, kernel: Kernel) -> None:
    kernel.run("import evolink_nb")
    with Doorbell(demo_server.account.spend) as door:
        run = kernel.run(
            "import time, urllib.request\nfrom concurrent.futures import ThreadPoolExecutor\n"
            "def call(number):\n    time.sleep(0.3)\n"
            f"    urllib.request.urlopen('{door.url}/1').read()\n    return number\n"
            "with ThreadPoolExecutor(2) as pool:\n"
            "    done = list(evolink_nb.track(pool.map(call, range(40)), max_credits=6))\n"
            "print(len(done), 'done')"
        )
    assert run.error is None, run.text
    spent = demo_server.account.true_cost()
    assert 2 <= spent <= 8
    assert f"{spent.normalize():f} done" in run.text
    assert "queued items were cancelled" in run.text
