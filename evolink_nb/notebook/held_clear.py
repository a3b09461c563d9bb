"""Keeps the line under a cell from triggering the cell's pending ``clear_output(wait=True)``.

A front end delays such a clear until the cell's next output. A loop that ends with one leaves its last output
on screen; the line at the cell's end would be the next output, and clear what the user meant to keep. So the
kernel holds the clear back while the cell runs, and sends it right before the cell's next output, which is
when the front end would have cleared, or else at the end, after the line.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from .. import runtime

OUTPUTS = frozenset({"stream", "display_data", "execute_result", "error"})
"""The messages with which a kernel adds to a cell's outputs."""


class HeldClear:
    """Holds back the pending clear of one running cell, from `start` to `stop`."""

    def __init__(self, publisher: Any) -> None:
        """Prepare to hold a clear.

        Args:
            publisher: The kernel shell's display publisher, while the cell's message is being handled.
        """
        self._session = publisher.session
        self._parent = _id_of(publisher.parent_header)
        self._send: Callable[..., Any] = self._session.send
        self._held: Callable[[], object] | None = None
        self._lock = threading.RLock()
        runtime.forget_after_fork(self)

    def after_fork(self) -> None:
        """Replace the lock, which a thread of the parent may hold."""
        self._lock = threading.RLock()

    def start(self) -> None:
        """Start intercepting the messages that the kernel sends."""
        self._send = self._session.send
        self._session.send = self._look_and_send

    @contextlib.contextmanager
    def stop(self) -> Iterator[bool]:
        """Stop intercepting messages; inside the block a pending clear is still held back.

        Yields:
            Whether a clear is pending; it is sent at the end of the block.
        """
        if self._held is not None:
            # Text printed since then but not sent yet comes first.
            sys.stdout.flush()
            sys.stderr.flush()
        if self._session.send == self._look_and_send:
            self._session.send = self._send
        with self._lock:
            held, self._held = self._held, None
        try:
            yield held is not None
        finally:
            if held is not None:
                held()

    def _look_and_send(
        self, stream: Any, message: Any, content: Any = None, parent: Any = None, *more: Any, **options: Any
    ) -> Any:
        is_whole = isinstance(message, dict)
        kind = message["header"]["msg_type"] if is_whole else message
        sent = (message if is_whole else {"content": content, "parent_header": parent}) or {}
        with self._lock:
            if _id_of(sent.get("parent_header")) == self._parent:
                if kind == "clear_output":
                    # It replaces a clear that is still pending.
                    self._held = None
                    if (sent["content"] or {}).get("wait"):
                        self._held = lambda: self._send(stream, message, content, parent, *more, **options)
                        return message if is_whole else None
                elif self._held is not None and _takes_place(kind, sent["content"] or {}):
                    held, self._held = self._held, None
                    held()
            return self._send(stream, message, content, parent, *more, **options)


def _takes_place(kind: str, content: dict[str, Any]) -> bool:
    """Return whether a message is an output, or redirects outputs to an Output widget."""
    state = (content.get("data") or {}).get("state") or {} if kind.startswith("comm_") else {}
    return kind in OUTPUTS or "msg_id" in state


def _id_of(parent: Any) -> str | None:
    """Return a message's identifier, given the message or its header."""
    header = (parent or {}).get("header", parent) or {}
    found: str | None = header.get("msg_id")
    return found
