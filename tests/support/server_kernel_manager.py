"""The kernels of a Jupyter server, reached over Unix sockets too.

Only a server imports this, by its name: importing Jupyter's own takes seconds, to build a grammar.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from jupyter_server.services.kernels.kernelmanager import ServerKernelManager
from traitlets import default

from tests.support.kernel_manager import SocketKernelManager


class ServerSocketKernelManager(SocketKernelManager, ServerKernelManager):
    """The same for a Jupyter server, which needs this project's top folder on its path."""

    @default("last_activity")
    def _default_last_activity(self) -> datetime:
        # There is none while a kernel starts; who lists the kernels then would get an error 500.
        return datetime.now(UTC)

    def connect_iopub(self, identity: bytes | None = None) -> Any:
        connected = super().connect_iopub(identity)
        connected.rcvhwm = 0
        return connected
