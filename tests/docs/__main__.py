"""`python -m tests.docs [FILE …]`: run pages and notebooks, and write what their code prints into them."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat

from docs import build
from evolink_nb.api import settings
from tests.support.environment import isolated_environment
from tests.support.notebooks import Job, run_notebooks

from .blocks import SHELL, comparable
from .pages import Page, pages, run_pages


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
    options = {"record_timing": False}
    jobs = [Job(nbformat.read(path, as_version=4), environment, options=options) for path in paths]
    run_notebooks(jobs)
    for path, job in zip(paths, jobs, strict=True):
        nbformat.write(as_saved(job.notebook, nbformat.read(path, as_version=4).metadata), path)
        sys.stdout.write(f"{path.relative_to(build.ROOT)}\n")


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
