"""`python -m tests.docs [PAGE …]`: run the code of pages, and write what it printed below it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from docs import build

from .blocks import SHELL, comparable
from .pages import Page, pages, run_pages


def main() -> int:
    """Update the outputs of every page, or of those that are named."""
    parser = argparse.ArgumentParser(prog="python -m tests.docs", description=__doc__)
    parser.add_argument("pages", nargs="*", metavar="PAGE", type=Path, help="a page's file")
    named = [path.resolve() for path in parser.parse_args().pages]
    chosen = [page for page in pages() if not named or page.path in named]
    with tempfile.TemporaryDirectory() as folder:
        run_pages(chosen, Path(folder))
    for page in chosen:
        updated = with_outputs(page)
        if updated != page.text:
            page.path.write_text(updated, encoding="utf-8")
            sys.stdout.write(f"{page.path.relative_to(build.ROOT)}\n")
    return 0


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
