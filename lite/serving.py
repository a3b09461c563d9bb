"""Serves the site's files on loopback, as any host of static files would."""

from __future__ import annotations

import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path


class _Files(http.server.SimpleHTTPRequestHandler):
    extensions_map = {  # noqa: RUF012 - the base class has it so
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        # Some machines know neither, and a browser compiles nothing else as it arrives.
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, *_: object) -> None:
        """Say nothing about requests that succeed or fail."""


@contextlib.contextmanager
def serve(folder: Path, port: int = 0) -> Iterator[str]:
    """Serve a folder until the end of the `with`, and yield its address.

    Args:
        folder: The files.
        port: The port on 127.0.0.1; 0 for any.
    """
    handler = functools.partial(_Files, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="lite-site")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def wait_for_interrupt() -> None:
    """Return on Ctrl+C."""
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
