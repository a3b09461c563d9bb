"""A tracked loop in a real kernel: its bar stays true in the file, and its cost is printed below."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from tests.support.environment import account_of
from tests.support.kernel_manager import NBCONVERT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
    bars = [each["content"]["data"] for each in run.messages if "evolink-loop" in str(each["content"])]
    assert 'data-stage="at_budget"' in bars[-1]["text/html"]
    assert "stopped at budget" in bars[-1]["text/plain"]
    texts = [each["text"] for each in run.outputs if each["output_type"] == "stream"]
    spent = demo_server.account.outstanding + sum(held.cost for held in demo_server.account.settled)
    assert 0 < spent <= 8
    assert (
        texts[-1]
        .splitlines()[-1]
        .startswith(f"{demo_server.requests_seen['/v1/images/generations']} items, ")
    )
    assert "Stopped before item" in "".join(texts)


def test_saved_file_says_how_a_loop_ended(demo_server: DemoServer, tmp_path: Path) -> None:
    """Also in a page made from it, where nothing runs any more."""
    path = tmp_path / "loop.ipynb"
    with Doorbell(demo_server.account.spend) as door:
        code = (
            "import urllib.request\nfrom evolink_nb import track\n"
            "for number in track(range(9), max_credits=4, description='views'):\n"
            f"    urllib.request.urlopen('{door.url}/2').read()"
        )
        nbformat.write(new_notebook(cells=[new_code_cell(code)]), path)
        command = [*NBCONVERT, "--execute", "--to"]
        environment = {**os.environ, **account_of(demo_server)}
        for options in (["notebook", "--inplace"], ["html"]):
            subprocess.run([*command, *options, path], env=environment, timeout=180, check=True)
            command.remove("--execute") if "--execute" in command else None
    [bar] = [each["data"] for each in nbformat.read(path, 4).cells[0].outputs if "data" in each]
    assert re.match(r"views: 2/9 · \d+ s · stopped at budget · 4 of 4 spent · 2 each · ", bar["text/plain"])
    page = path.with_suffix(".html").read_text(encoding="utf-8")
    assert 'aria-valuenow="100"' in page
    assert "stopped at budget" in page
    assert "0%|" not in page


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
    """No call outruns the readings, however slow the machine."""
    kernel.run("import evolink_nb")

    def charge(cost: str) -> None:
        demo_server.wait_for_requests(demo_server.requests_seen["/v1/credits"] + 2)
        demo_server.account.spend(cost)

    with Doorbell(charge) as door:
        run = kernel.run(
            "import urllib.request\nfrom concurrent.futures import ThreadPoolExecutor\n"
            "def call(number):\n"
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
