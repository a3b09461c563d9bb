"""Kernels that are reached over Unix sockets, not over TCP ports.

Jupyter picks five ports that are free and only then starts the kernel that is to take them. Where many tests
run beside one another, another process has sometimes taken one by then, and the kernel ends at once. And once
a kernel has ended, who was connected to it greets whoever has its port next: another test's server.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import weakref
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_client.client import KernelClient
from jupyter_client.manager import AsyncKernelManager, KernelManager
from nbclient import NotebookClient
from traitlets import default

if TYPE_CHECKING:
    from jupyter_client.blocking.client import BlockingKernelClient


Client = TypeVar("Client", bound=KernelClient)

_LAUNCHER = Path(__file__).with_name("kernel_launcher.py")


def _that_loses_nothing(client: Client) -> Client:
    """Let as many of a kernel's messages wait as may come: a Unix socket holds far fewer than a connection.

    Of 6,000 messages that nobody reads for 4 seconds, a kernel would throw away 3,800.
    """
    client.iopub_channel.socket.rcvhwm = 0
    return client


class SocketKernelManager(KernelManager):
    """Starts a kernel whose sockets lie in a folder of its own, gone once nobody holds this."""

    @default("transport")
    def _default_transport(self) -> str:
        return "ipc"

    @default("connection_file")
    def _default_connection_file(self) -> str:
        return str(self._folder / "kernel.json")

    @default("ip")
    def _default_ip(self) -> str:
        return str(self._folder / "socket")

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        """The command that starts the kernel: by our launcher, whose kernels keep all they have to say."""
        command = super().format_kernel_cmd(extra_arguments)
        launcher = command.index("ipykernel_launcher")
        return [*command[: launcher - 1], str(_LAUNCHER), *command[launcher + 1 :]]

    @cached_property
    def _folder(self) -> Path:
        # Not in the test's own folder: the path of a socket may have about 100 characters.
        folder = tempfile.mkdtemp(prefix="kernel-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def client(self, **options: Any) -> Any:
        return _that_loses_nothing(super().client(**options))

    def blocking_client(self) -> BlockingKernelClient:
        return _that_loses_nothing(super().blocking_client())


class AsyncSocketKernelManager(SocketKernelManager, AsyncKernelManager):
    """The same for nbclient, which awaits."""


def notebook_client(notebook: Any, **options: Any) -> NotebookClient:
    """What runs a notebook as nbclient does, in such a kernel; `options` are nbclient's."""
    usual: dict[str, Any] = {
        "kernel_name": "python3",
        "timeout": 180,
        "kernel_manager_class": AsyncSocketKernelManager,
    }
    return NotebookClient(notebook, **usual | options)


NBCONVERT = (
    sys.executable,
    "-m",
    "nbconvert",
    f"--NotebookClient.kernel_manager_class={__name__}.{AsyncSocketKernelManager.__name__}",
)
"""The command that converts notebooks, to be run from the top of this project."""
