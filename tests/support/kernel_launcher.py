"""Starts ipykernel so that it loses no message, neither its own nor a request.

What it says: its socket keeps 1,000 messages that haven't left yet. On a busy machine a cell can say more
before the thread that sends them gets its turn, and what comes then would be gone.

What it is asked: 7.0 to 7.3 may never read a request that comes while they reply to another, nor any after
it (https://github.com/ipython/ipykernel/issues/1554). 7.4 replies through the stream that reads, as here.

Run by its path, with what `python -m ipykernel_launcher` takes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # As ipykernel's own launcher: what lies beside this file is none of the kernel's modules.
    if Path(sys.path[0]) == Path(__file__).parent:
        del sys.path[0]

    import zmq
    from ipykernel.kernelapp import IPKernelApp

    class KernelApp(IPKernelApp):
        """A kernel whose messages wait as long as they must, and which reads every request."""

        def init_iopub(self, context: zmq.Context[Any]) -> None:
            # Before it is bound: a client that connects later has the limit of that moment.
            context.setsockopt(zmq.SNDHWM, 0)
            super().init_iopub(context)  # type: ignore[no-untyped-call]  # ipykernel has no types there
            del context.sockopts[zmq.SNDHWM]

        def init_kernel(self) -> None:
            super().init_kernel()  # type: ignore[no-untyped-call]  # nor there
            thread = getattr(self, "shell_channel_thread", None)
            if thread is not None and hasattr(thread.manager, "_shell_socket"):
                thread.manager._shell_socket = self.kernel.shell_stream

    KernelApp.launch_instance()
