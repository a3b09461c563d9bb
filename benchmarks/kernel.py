"""A real kernel on a simulated account, for what is measured inside it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.environment import isolated_environment
from tests.support.kernel import Kernel


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
