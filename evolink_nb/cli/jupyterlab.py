"""``python -m evolink_nb.cli.jupyterlab``: runs JupyterLab until the process that started it ends.

That process may be killed without warning, but this one's standard input then closes.
"""

from __future__ import annotations

import os
import runpy
import signal

from .. import runtime

STDIN = 0


def run_jupyterlab() -> None:
    """Run JupyterLab with this process's arguments, until it ends or the parent process does."""
    runtime.start(_end_with_parent, name="evolink-nb-parent")
    runpy.run_module("jupyterlab", run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    while os.read(STDIN, 1):  # waits, and returns nothing once the input is closed
        pass
    # As a service manager would: JupyterLab ends its kernels first.
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    run_jupyterlab()
