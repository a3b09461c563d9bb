"""Puts the sources of the documentation together, and has Sphinx build them.

The sources are the pages of this folder, with what is generated in place of ``<!-- generated: … -->``, and
the notebooks. They are assembled in ``build/docs/source``, so that nothing generated is ever committed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .generated import GENERATORS

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent
FOLDER = ROOT / "build" / "docs"
SITE = FOLDER / "site"
NOTEBOOKS = "tutorials"
"""The folder of the sources that the notebooks are copied to."""

_MARK = re.compile(r"^<!-- generated: ([\w-]+) -->$", re.MULTILINE)


def build_site(site: Path, source: Path = FOLDER / "source", *, lite: Path | None = None) -> int:
    """Build the site, with every warning an error.

    Args:
        site: The folder for it.
        source: The folder for its sources; replaced if it is there.
        lite: The site of ``make lite``, to be put below it; None for none.

    Returns:
        Sphinx's exit code.
    """
    assemble(source)
    strict = ("--fail-on-warning", "--keep-going", "--nitpicky", "--quiet")
    where = ("--conf-dir", HERE, "--doctree-dir", site.with_name("doctrees"))
    # What only a site with the demo says.
    tags = ("--tag", "lite") if lite else ()
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *strict, *where, *tags, source, site], cwd=ROOT, check=False
    )
    if lite and done.returncode == 0:
        shutil.copytree(lite, site / "lite", dirs_exist_ok=True)
    return done.returncode


def assemble(target: Path) -> None:
    """Write the sources into a folder; it is emptied before.

    Args:
        target: The folder.
    """
    shutil.rmtree(target, ignore_errors=True)
    for page in pages():
        path = target / page.relative_to(HERE)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(completed(page.read_text(encoding="utf-8")), encoding="utf-8")
    for file in HERE.glob("*/*"):
        # Those in _static are Sphinx's to copy.
        if file.suffix not in {".md", ".py", ".pyc"} and file.parent.name != "_static":
            shutil.copy(file, target / file.relative_to(HERE))
    for file in (ROOT / "notebooks").iterdir():
        shutil.copy(file, target / NOTEBOOKS)
    shutil.copy(ROOT / "CHANGELOG.md", target)


def pages() -> Iterator[Path]:
    """Return the pages of this folder."""
    yield from sorted(HERE.rglob("*.md"))


def completed(page: str) -> str:
    """Return a page with what is generated in its place.

    Args:
        page: The page's text.

    Raises:
        KeyError: Nothing of that name is generated.
    """
    return _MARK.sub(lambda mark: GENERATORS[mark[1]](), page)
