"""A real IPython kernel, and what it says while cells run in it."""

from __future__ import annotations

import contextlib
import json
import queue
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any, Self

from tests.support.kernel_manager import SocketKernelManager
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from jupyter_client.blocking.client import BlockingKernelClient

_SECONDS = 180.0

Message = dict[str, Any]


@dataclass
class CellRun:
    """What running a cell brought: its outputs in nbformat's shape, and every message of the kernel."""

    outputs: list[dict[str, Any]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What a terminal would show of it, error and all."""
        return "\n".join(_text_of(output) for output in self.outputs).strip()

    @property
    def error(self) -> dict[str, Any] | None:
        return next((output for output in self.outputs if output["output_type"] == "error"), None)


class Kernel:
    """A kernel process from `with` to its end, in this whole environment; `log` is where it logs to.

    It runs on this interpreter, or on another that has ipykernel.

    Attributes:
        is_notebook: Whether to say which cell is run, as notebooks do and consoles don't.
        request: What else to say in each request to run a cell.
    """

    def __init__(
        self, environment: Mapping[str, str], log: Path, *arguments: str, interpreter: Path | None = None
    ) -> None:
        self.log = log
        self.is_notebook = True
        self.request: dict[str, Any] = {"user_expressions": {}, "allow_stdin": True, "stop_on_error": True}
        self._environment = environment
        self._arguments = list(arguments)
        self._manager = SocketKernelManager(kernel_name="python3")
        if interpreter is not None:
            assert self._manager.kernel_spec is not None
            self._manager.kernel_spec.argv[0] = str(interpreter)
        self._client: BlockingKernelClient

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self._manager.start_kernel(
                env=dict(self._environment), extra_arguments=self._arguments, stdout=log, stderr=log
            )
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()
        self._manager.context.destroy()

    def run(
        self,
        source: str,
        *,
        during: Callable[[], object] | None = None,
        cell: str | None = None,
        deleted: Sequence[str] = (),
    ) -> CellRun:
        """Run a cell to its end; `during` is called once it has begun.

        JupyterLab and VS Code send the cell's id, and JupyterLab those of the cells deleted before.
        """
        more = {} if cell is None else {"cellId": cell, "deletedCells": list(deleted)}
        run, request = self._begin(source, more)
        if during is not None:
            during()
        self._wait_for(run, request, _is_idle)
        return run

    def run_silently(self, source: str) -> CellRun:
        """Run code as front ends run their own: IPython announces no cell and keeps no history."""
        run, request = CellRun(), self._execute(source, silent=True)
        self._wait_for(run, request, _is_idle)
        return run

    def _execute(self, source: str, more: Mapping[str, Any] = {}, *, silent: bool = False) -> str:
        """Send a request to run a cell, with more metadata, and return its identifier."""
        content = {"code": source, "silent": silent, "store_history": not silent} | self.request
        # As notebooks do: a cell that is run again is the same cell.
        metadata = {**({"cellId": source} if self.is_notebook else {}), **more}
        message = self._client.session.msg("execute_request", content, metadata=metadata)
        self._client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def _begin(self, source: str, more: Mapping[str, Any]) -> tuple[CellRun, str]:
        while True:
            run, request = CellRun(), self._execute(source, more)
            self._wait_for(run, request, lambda message: _is_begun(message) or _is_idle(message))
            # What comes right after a cell that failed ipykernel 6 may drop, as it drops the rest of Run All.
            if _is_begun(run.messages[-1]):
                return run, request

    def shut_down(self) -> list[Message]:
        """Ask the kernel to end, as notebooks do, and return what it still says."""
        self._client.shutdown()
        messages: list[Message] = []
        deadline = time.monotonic() + _SECONDS
        while self._manager.is_alive() and time.monotonic() < deadline:
            with contextlib.suppress(Empty):
                messages.append(self._client.get_iopub_msg(timeout=0.1))
        with contextlib.suppress(Empty):
            while True:
                messages.append(self._client.get_iopub_msg(timeout=0.5))
        return messages

    def end(self) -> None:
        """Ask the kernel to end, and return once its process has."""
        self._client.shutdown()
        wait_until(lambda: not self._manager.is_alive(), limit=_SECONDS)

    def interrupt(self) -> None:
        """Interrupt the running cell, as the stop button does."""
        self._manager.interrupt_kernel()

    def messages_until(self, holds: Callable[[Message], bool]) -> list[Message]:
        """The kernel's messages from now to the first for which something holds."""
        messages: list[Message] = []
        deadline = time.monotonic() + _SECONDS
        while not messages or not holds(messages[-1]):
            messages.append(self._client.get_iopub_msg(timeout=deadline - time.monotonic()))
        return messages

    def pending(self) -> list[Message]:
        """What the kernel has said since, by now."""
        messages: list[Message] = []
        with contextlib.suppress(queue.Empty):
            while True:
                messages.append(self._client.get_iopub_msg(timeout=0))
        return messages

    def send(self, comm: str, data: Mapping[str, Any], buffers: Sequence[bytes] = ()) -> None:
        """Send a message on a comm, as a front end does, with what goes beside it."""
        self._send_comm("comm_msg", comm, data, buffers)

    def close(self, comm: str) -> None:
        """Close a comm, as a front end does."""
        self._send_comm("comm_close", comm, {})

    def _send_comm(
        self, kind: str, comm: str, data: Mapping[str, Any], buffers: Sequence[bytes] = ()
    ) -> None:
        message = self._client.session.msg(kind, {"comm_id": comm, "data": dict(data)})
        self._client.session.send(self._client.shell_channel.socket, message, buffers=list(buffers))

    def _wait_for(self, run: CellRun, request: str, holds: Callable[[Message], bool]) -> None:
        def is_it(message: Message) -> bool:
            return message["parent_header"].get("msg_id") == request and holds(message)

        for message in self.messages_until(is_it):
            run.messages.append(message)
            if message["msg_type"] in {"stream", "display_data", "execute_result", "error"}:
                _add(run.outputs, {"output_type": message["msg_type"], **message["content"]})


def trait_updates(messages: list[Message]) -> list[dict[str, Any]]:
    """The traits that each of these messages sends to the front end."""
    return [
        message["content"]["data"]["state"]
        for message in messages
        if message["msg_type"] == "comm_msg" and message["content"]["data"].get("method") == "update"
    ]


def size_of(message: Message) -> int:
    """The bytes of what a message carries."""
    return len(json.dumps(message["content"], default=_as_text)) + sum(map(len, message["buffers"]))


def _as_text(value: datetime) -> str:
    return value.isoformat()


def _is_begun(message: Message) -> bool:
    return bool(message["msg_type"] == "execute_input")


def _is_idle(message: Message) -> bool:
    return bool(message["msg_type"] == "status" and message["content"]["execution_state"] == "idle")


def _add(outputs: list[dict[str, Any]], output: dict[str, Any]) -> None:
    # One print may come in several messages; a notebook joins them.
    last = outputs[-1] if outputs else {}
    if output["output_type"] == "stream" and last.get("name") == output["name"]:
        last["text"] += output["text"]
    else:
        outputs.append(output)


def _text_of(output: dict[str, Any]) -> str:
    if output["output_type"] == "error":
        return "\n".join(output["traceback"])
    return str(output["text"] if output["output_type"] == "stream" else output["data"].get("text/plain", ""))
