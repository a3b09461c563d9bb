"""Puts the published results into README and the documentation, between marks that stand there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from . import report

if TYPE_CHECKING:
    from .results import Answer

ROOT = Path(__file__).parents[1]
_BEGIN, _END = "<!-- measured: make bench writes this -->", "<!-- end of what was measured -->"
_BETWEEN = re.compile(f"{re.escape(_BEGIN)}.*?{re.escape(_END)}", re.DOTALL)

PAGES: dict[Path, Callable[[Mapping[str, Answer]], str]] = {
    ROOT / "README.md": report.sentences,
    ROOT / "docs" / "explanation" / "overhead.md": lambda results: f"\n\n{report.table(results)}\n",
}
"""What each page says of the results."""


def with_results(page: Path, results: Mapping[str, Answer]) -> str:
    """Return the text of a page with these results in it.

    Args:
        page: One of `PAGES`.
        results: The results.

    Raises:
        ValueError: The page has no place for them, or more than one.
    """
    text = page.read_text(encoding="utf-8")
    written, count = _BETWEEN.subn(lambda _: f"{_BEGIN}{PAGES[page](results)}{_END}", text)
    if count != 1:
        raise ValueError(f"{page.name} must have {_BEGIN} and {_END} once, not {count} times.")
    return written


def write(results: Mapping[str, Answer]) -> None:
    """Write results into every page.

    Args:
        results: The results.
    """
    for page in PAGES:
        page.write_text(with_results(page, results), encoding="utf-8")
