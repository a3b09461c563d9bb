"""``python -m evolink_nb.cli.jupyterlab``: JupyterLab, which ends with the process that started it.

That process may be killed, and then says nothing. But what it could write to this one's input ends.
"""

from __future__ import annotations

import os
import runpy
import signal

from .. import runtime

STDIN = 0


def run_jupyterlab() -> None:
    """Run JupyterLab with this process's arguments, until that ends or what starts it does."""
    runtime.start(_end_with_parent, name="evolink-nb-parent")
    runpy.run_module("jupyterlab", run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    while os.read(STDIN, 1):  # returns nothing at the end, and until then waits
        pass
    # As a service manager does it, so that it ends its kernels first.
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    run_jupyterlab()
