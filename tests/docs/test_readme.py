"""README is short, and every link in it and in the pages leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs import build

from .pages import README, pages

MAX_LINES = 110
MAX_PICTURE = 400_000
"""Bytes."""


def test_the_readme_is_short_enough() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def targets_of(path: Path) -> list[Path]:
    """The files that a page links to, or shows."""
    links = re.findall(r"\]\(([^)#\s:]+)(?:#[\w-]+)?\)", path.read_text(encoding="utf-8"))
    return [path.parent / link for link in links]


@pytest.mark.parametrize("path", [page.path for page in pages()], ids=lambda path: path.name)
def test_what_a_page_links_to_is_there(path: Path) -> None:
    # Notebooks and the change log are put beside the pages when they are built.
    built = {
        build.HERE / build.NOTEBOOKS / notebook.name for notebook in (build.ROOT / "notebooks").iterdir()
    }
    missing = [target for target in targets_of(path) if not target.exists() and target.resolve() not in built]
    assert missing == []


def test_the_picture_is_there_and_small() -> None:
    [picture] = [target for target in targets_of(README) if target.suffix in {".png", ".webp"}]
    assert 10_000 < picture.stat().st_size < MAX_PICTURE


def test_the_command_names_are_targets() -> None:
    makefile = (build.ROOT / "Makefile").read_text(encoding="utf-8")
    for path in (README, *build.pages(), build.ROOT / "CONTRIBUTING.md"):
        named = re.findall(r"`make (\w+)", path.read_text(encoding="utf-8"))
        assert [name for name in named if f"\n{name}:" not in makefile] == [], path
