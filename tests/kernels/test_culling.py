"""A kernel with a live card that nobody sees is ended by Jupyter's culler as soon as a bare one is."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest
import websocket

from tests.support.environment import account_of
from tests.support.jupyter import JupyterServer
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evolink_nb.demo import DemoServer

LOAD = "%load_ext evolink_nb"
IDLE_TIMEOUT = 6
"""Seconds after which the culler ends a kernel that sends nothing; more than a first view may take."""
SETTINGS = {"MappingKernelManager": {"cull_idle_timeout": IDLE_TIMEOUT, "cull_interval": 1}}


@pytest.fixture(scope="module")
def culling_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A Jupyter server that ends idle kernels."""
    with JupyterServer(tmp_path_factory.mktemp("culling"), SETTINGS) as server:
        yield server


def start_kernel(server: JupyterServer, account: DemoServer) -> str:
    body = json.dumps({"name": server.add_kernel(account_of(account))}).encode()
    return str(json.loads(server.request("POST", "api/kernels", body))["id"])


def run_cells(server: JupyterServer, kernel: str, *cells: str) -> None:
    """Run cells over a connection of a front end that shows nothing, which then goes away."""
    url = f"{server.url.replace('http', 'ws', 1)}api/kernels/{kernel}/channels?token={server.token}"
    connection = websocket.create_connection(url, timeout=60)
    try:
        for source in cells:
            connection.send(json.dumps(request := _request(source)))
            wait_until(lambda: _is_reply(json.loads(connection.recv()), request), limit=60)
    finally:
        connection.close()


def kernels(server: JupyterServer) -> set[str]:
    return {kernel["id"] for kernel in json.loads(server.request("GET", "api/kernels"))}


@pytest.mark.parametrize(
    "cell",
    [
        "6 * 7",
        "%evolink_credits --live --every 0.5",
        "from evolink_nb import CreditsWidget; CreditsWidget(interval=0.5)",
        "%evolink_track on",
        "%%evolink_credits --max 5\n6 * 7",
    ],
    ids=["bare", "live", "widget", "tracked", "measured"],
)
def test_an_idle_kernel_is_culled(culling_server: JupyterServer, demo_server: DemoServer, cell: str) -> None:
    kernel = start_kernel(culling_server, demo_server)
    run_cells(culling_server, kernel, LOAD, cell)
    wait_until(lambda: kernel not in kernels(culling_server), limit=IDLE_TIMEOUT + 20)


def _request(source: str) -> dict[str, Any]:
    header = {"msg_id": secrets.token_hex(), "username": "", "session": "s", "date": "", "version": "5.3"}
    content = {"code": source, "silent": False, "store_history": True, "user_expressions": {}}
    return {
        "header": header | {"msg_type": "execute_request"},
        "parent_header": {},
        "metadata": {},
        "content": content | {"allow_stdin": False},
        "channel": "shell",
        "buffers": [],
    }


def _is_reply(message: dict[str, Any], request: dict[str, Any]) -> bool:
    is_its = message.get("parent_header", {}).get("msg_id") == request["header"]["msg_id"]
    return bool(is_its and message["msg_type"] == "execute_reply")
