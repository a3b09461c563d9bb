"""What tests rely on: kernels take no port, read every request, and all that they say comes."""

from __future__ import annotations

import contextlib
import json
import os
from ast import literal_eval
from collections import Counter
from queue import Empty
from typing import TYPE_CHECKING

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from tests.support.jupyter import JupyterServer
from tests.support.kernel import Kernel
from tests.support.overlay import ipykernel
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
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
    """By default it keeps 1,000 messages for a client that doesn't read, or while its own thread rests."""
    file = literal_eval(kernel.run("from ipykernel import get_connection_file; get_connection_file()").text)
    client = BlockingKernelClient(connection_file=file)
    client.load_connection_file()
    client.iopub_channel.socket.rcvhwm = 1

    def hears() -> bool:
        kernel.run("")
        return bool(client.iopub_channel.socket.poll(10))

    try:
        wait_until(hears)
        # More than the buffers of the connection hold, too.
        kernel.run(f"for _ in range({MESSAGES}): display({'x' * 1_000!r})\nprint('the end')")
        found = Counter(messages_until_print(client))
    finally:
        client.stop_channels()
    assert found["display_data"] == MESSAGES


def messages_until_print(client: BlockingKernelClient) -> Iterator[str]:
    """The types of the messages that come, until something was printed or nothing more comes."""
    with contextlib.suppress(Empty):
        while (kind := client.get_iopub_msg(timeout=5)["msg_type"]) != "stream":
            yield kind


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
