"""`python -m tests.docs [FILE …]`: run pages and notebooks, and write what their code prints into them."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import nbformat

from docs import build
from evolink_nb.api import settings
from tests.support.environment import isolated_environment
from tests.support.notebooks import Job, run_notebooks

from .blocks import SHELL, comparable
from .pages import Page, pages, run_pages

READS_FOR = 8.0
"""Seconds that a reader spends on the text between two cells: longer than costs take to settle."""


def main() -> int:
    """Update the outputs in every page and notebook, or in those that are named."""
    parser = argparse.ArgumentParser(prog="python -m tests.docs", description=__doc__)
    parser.add_argument("files", nargs="*", metavar="FILE", type=Path, help="a page or a notebook")
    named = [path.resolve() for path in parser.parse_args().files]
    notebooks = [
        path for path in sorted((build.ROOT / "notebooks").glob("*.ipynb")) if is_chosen(path, named)
    ]
    chosen = [page for page in pages() if is_chosen(page.path, named)]
    with tempfile.TemporaryDirectory() as folder:
        save_outputs(notebooks, Path(folder))
        run_pages(chosen, Path(folder))
    for page in chosen:
        updated = with_outputs(page)
        if updated != page.text:
            page.path.write_text(updated, encoding="utf-8")
            sys.stdout.write(f"{page.path.relative_to(build.ROOT)}\n")
    return 0


def is_chosen(path: Path, named: list[Path]) -> bool:
    """Whether a file is to be updated."""
    return not named or path in named


def save_outputs(paths: list[Path], home: Path) -> None:
    """Run notebooks in demo mode and save them with what they printed."""
    environment = isolated_environment(home) | {settings.DEMO_VARIABLE: "1"}
    jobs = []
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        options = {"record_timing": False, "on_cell_executed": reader_of(notebook)}
        jobs.append(Job(notebook, environment, options=options))
    run_notebooks(jobs)
    for path, job in zip(paths, jobs, strict=True):
        nbformat.write(as_saved(job.notebook, nbformat.read(path, as_version=4).metadata), path)
        sys.stdout.write(f"{path.relative_to(build.ROOT)}\n")


def reader_of(notebook: Any) -> Callable[..., Awaitable[None]]:
    """What runs a notebook at the pace of a reader: after each cell that a text follows."""

    async def read(*, cell_index: int, **_more: Any) -> None:
        following = notebook.cells[cell_index + 1 : cell_index + 2]
        if following and following[0].cell_type == "markdown":
            await asyncio.sleep(READS_FOR)

    return read


def as_saved(notebook: Any, metadata: Any) -> Any:
    """A notebook that ran, without what says that it ran: whoever opens it has run nothing yet."""
    # What the kernel says of itself would change with each Python.
    notebook.metadata = metadata
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = None
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = None
    return notebook


def with_outputs(page: Page) -> str:
    """A page's text with the outputs that its code has now; those that are right stay as they are."""
    text = page.text
    for block in reversed(page.blocks):
        shown = block if block.language == SHELL else page.output_of(block)
        if shown is None or block.start not in page.printed:
            continue
        printed = page.printed[block.start]
        if comparable(printed) != comparable(shown.text):
            end = shown.start + len(shown.text)
            text = f"{text[: shown.start]}{printed.rstrip()}\n{text[end:]}"
    return text


if __name__ == "__main__":
    sys.exit(main())
