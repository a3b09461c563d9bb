"""What tests rely on: kernels take no port, read every request, and all that they say comes."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.support.jupyter import JupyterServer
from tests.support.kernel import Kernel
from tests.support.overlay import ipykernel
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

MESSAGES = 3000
"""More than the sockets of a kernel and its client keep by default."""


def test_no_message_is_lost_unread(kernel: Kernel, tmp_path: Path) -> None:
    done = tmp_path / "done"
    run = kernel.run(
        f"for number in range({MESSAGES}): display(number)\nopen({str(done)!r}, 'w').close()",
        during=lambda: wait_until(done.exists, limit=60),
    )
    assert [output["data"]["text/plain"] for output in run.outputs] == list(map(str, range(MESSAGES)))


def test_a_kernel_keeps_what_it_cannot_send(kernel: Kernel) -> None:
    # 0 is no limit. By default a cell's messages are lost once 1,000 wait for the thread that sends them.
    assert kernel.run("get_ipython().kernel.iopub_thread.socket.sndhwm").text == "0"


@pytest.mark.parametrize("version", ["7.0.1", "7.3.0"])
def test_older_kernels_read_every_request(tmp_path: Path, version: str) -> None:
    # These reply past the stream that reads, and stop reading after some hundred requests in a row.
    with Kernel({**os.environ, **ipykernel(version)}, tmp_path / "kernel.log") as kernel:
        kernel.run("import ipykernel; manager = get_ipython().kernel.shell_channel_thread.manager")
        replies = kernel.run("ipykernel.__version__, type(manager._shell_socket).__name__").text
    assert replies == repr((version, "ZMQStream"))


def test_a_servers_kernel_takes_no_port(tmp_path: Path) -> None:
    with JupyterServer(tmp_path) as server:
        server.request("POST", "api/kernels", b"{}")
        (connection,) = tmp_path.rglob("kernel-*.json")
        assert json.loads(connection.read_text())["transport"] == "ipc"
