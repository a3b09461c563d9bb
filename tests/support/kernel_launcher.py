"""Starts ipykernel so that it throws none of its messages away.

Its socket keeps 1,000 that haven't left yet. On a busy machine a cell can say more before the thread that
sends them gets its turn, and what comes then would be gone. A front end may lose some; a test can't.

Run by its path, with what `python -m ipykernel_launcher` takes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import zmq

if __name__ == "__main__":
    # As ipykernel's own launcher: what lies beside this file is none of the kernel's modules.
    if Path(sys.path[0]) == Path(__file__).parent:
        del sys.path[0]

    from ipykernel.kernelapp import IPKernelApp

    class KernelApp(IPKernelApp):
        """A kernel whose messages wait as long as they must."""

        def init_iopub(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
            context.sndhwm = 0  # the default of every socket made from here on
            super().init_iopub(context)  # type: ignore[no-untyped-call]  # ipykernel has no types there

    KernelApp.launch_instance()
