"""Notebooks run from top to bottom by nbclient, several at once: they mostly wait."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient

from tests.support.kernel_manager import AsyncSocketKernelManager, notebook_client


@dataclass(frozen=True)
class Job:
    """A notebook to be run in place.

    Attributes:
        notebook: It.
        environment: Its kernel's whole environment.
        folder: Where its kernel runs; None for here.
        options: What else nbclient is told.
    """

    notebook: Any
    environment: Mapping[str, str]
    folder: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def run_notebooks(jobs: Sequence[Job]) -> None:
    """Run notebooks at the same time, each to its end.

    Args:
        jobs: The notebooks.
    """
    asyncio.run(_run(jobs))
    for job in jobs:
        for cell in job.notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = _joined(cell.outputs)


async def _run(jobs: Sequence[Job]) -> None:
    await asyncio.gather(
        *(
            notebook_client(
                job.notebook,
                timeout=120,
                resources={"metadata": {"path": str(job.folder)}} if job.folder else {},
                **job.options,
            ).async_execute(env=dict(job.environment))
            for job in jobs
        )
    )


def run_with_restart(job: Job, *, after: int) -> None:
    """Run a notebook to its end, with a restart of its kernel in between, as from the menu.

    Args:
        job: The notebook.
        after: The number of cells that run before the restart.
    """
    asyncio.run(_run_with_restart(job, after))
    for cell in job.notebook.cells:
        cell.outputs = _joined(cell.outputs)


async def _run_with_restart(job: Job, after: int) -> None:
    manager = AsyncSocketKernelManager(kernel_name="python3")
    client = notebook_client(job.notebook, timeout=120, km=manager, **job.options)
    async with client.async_setup_kernel(env=dict(job.environment), cleanup_kc=True):
        for number, cell in enumerate(job.notebook.cells):
            if number == after:
                await manager.restart_kernel()
                assert isinstance(client.kc, AsyncKernelClient)
                await client.kc.wait_for_ready(timeout=120)
            await client.async_execute_cell(cell, number)


def _joined(outputs: list[Any]) -> list[Any]:
    """Outputs with what was printed in pieces as one; nbclient's own way loses count of those it rewrites."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last["text"] += output.text
        else:
            joined.append(output)
    return joined


def text_of(cell: Any) -> str:
    """What a code cell brought, as text; a live view, which has none of its own, is left out."""
    return "\n".join(filter(None, map(_text, cell.outputs)))


def _text(output: Any) -> str:
    data = output.get("data", {})
    if "application/vnd.jupyter.widget-view+json" in data:
        return ""
    text = output.get("text") or data.get("text/plain") or "\n".join(output.get("traceback", []))
    return str(text).rstrip("\n")


def error_of(cell: Any) -> Any:
    """The error that a code cell ended in; None if it didn't."""
    return next((output for output in cell.get("outputs", []) if output.output_type == "error"), None)
