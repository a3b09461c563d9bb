"""A real kernel on a simulated account, for what is measured inside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.environment import isolated_environment
from tests.support.kernel import Kernel
from tests.support.kernel_manager import SocketKernelManager

if TYPE_CHECKING:
    from jupyter_client.blocking.client import BlockingKernelClient


@contextmanager
def running_kernel(account: Mapping[str, str]) -> Iterator[Kernel]:
    """Run a kernel with folders of its own until the end of the ``with``.

    Args:
        account: The variables that make the account the kernel's.
    """
    with tempfile.TemporaryDirectory() as home:
        environment = {**isolated_environment(Path(home)), **account}
        with Kernel(environment, Path(home) / "kernel.log") as kernel:
            yield kernel


@contextmanager
def connected_client(
    environment: Mapping[str, str] | None = None, *, interpreter: str = sys.executable
) -> Iterator[BlockingKernelClient]:
    """Run a kernel until the end of the ``with``, for what is measured of its messages.

    Args:
        environment: The kernel's whole environment; this process's by default.
        interpreter: The Python that runs it.
    """
    manager = SocketKernelManager(kernel_name="python3")
    assert manager.kernel_spec is not None  # for mypy  # noqa: S101
    manager.kernel_spec.argv[0] = interpreter
    manager.start_kernel(
        env=dict(os.environ if environment is None else environment), stderr=subprocess.DEVNULL
    )
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def value_of(kernel: Kernel, code: str, *, during: Callable[[], object] | None = None) -> Any:
    """Return what code prints, as JSON, in its last line; None if it prints nothing.

    Args:
        kernel: The kernel to run it in.
        code: The code.
        during: Called once it has begun.

    Raises:
        RuntimeError: It failed.
    """
    run = kernel.run(code, during=during)
    if run.error is not None:
        raise RuntimeError("\n".join(run.error["traceback"]))
    return json.loads(run.text.splitlines()[-1]) if run.text else None
