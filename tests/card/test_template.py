"""The card's files: what they cost, and that they reach nowhere and write no markup but the template."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

from anywidget import AnyWidget

from evolink_nb.card.render import CardView, render_live_html
from evolink_nb.card.template import STATIC, script
from evolink_nb.card.widget import CreditsWidget
from tests.support.readings import reading

if TYPE_CHECKING:
    from pathlib import Path

MAX_GZIPPED = 11_700
"""Bytes of the card's own files together; CONTRIBUTING says why not 10,000."""


def code() -> str:
    """`card.js` without its comments, whose types name other modules."""
    return re.sub(r"/\*.*?\*/|^ *//.*?$", "", script(), flags=re.DOTALL | re.MULTILINE)


def bare(file: Path) -> bytes:
    """One of the card's files without its comments and indentation, which are free."""
    text = re.sub(r"/\*.*?\*/", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    if file.suffix == ".js":
        text = re.sub(r"(^|\s)// .*$", "", text, flags=re.MULTILINE)
    return "\n".join(line.strip() for line in text.splitlines() if line.strip()).encode()


def test_the_files_together_are_small() -> None:
    files = sorted(file for file in STATIC.iterdir() if file.suffix in {".html", ".css", ".js"})
    assert {"card.css", "card.html", "card.js"} <= {file.name for file in files}
    assert len(gzip.compress(b"".join(map(bare, files)))) <= MAX_GZIPPED


def test_nothing_is_fetched_from_elsewhere() -> None:
    markup = CardView(reading()).html() + render_live_html()
    for telltale in ("http:", "https:", "url(", "@import", "<script", "src=", "//"):
        assert telltale not in markup.replace("http://www.w3.org/2000/svg", "")


def test_markup_has_no_indentation() -> None:
    """In a notebook converted to Markdown an indented line can become a code block."""
    markup = CardView(reading()).html().split("</style>\n")[1] + render_live_html()
    assert not re.search(r"^\s", markup, flags=re.MULTILINE)
    assert "\n\n" not in markup


def test_the_template_is_the_only_markup() -> None:
    writes = re.findall(r".*(?:inner|outer|Adjacent|set)HTML.*", code())
    assert writes == ['    this.#frame.innerHTML = model.get("_template");']
    for telltale in (
        "eval(",
        "Function(",
        "document.write",
        "createContextualFragment",
        "DOMParser",
        "srcdoc",
    ):
        assert telltale not in code()


def test_the_script_reaches_nowhere() -> None:
    for telltale in (
        "http:",
        "https:",
        "ws:",
        "wss:",
        "fetch(",
        "XMLHttpRequest",
        "sendBeacon",
        "import(",
        "import ",
    ):
        assert telltale not in code()


def test_the_script_knows_every_trait() -> None:
    """TypeScript checks `card.js` against a list of traits; this is what the kernel really sends."""
    [typedef] = re.findall(r"@typedef \{object\} Traits\n(.*?)\*/", script(), flags=re.DOTALL)
    listed = set(re.findall(r"@property \{.*?\} (\w+)", typedef))
    sent = set(CreditsWidget.class_trait_names(sync=True)) - set(AnyWidget.class_trait_names(sync=True))
    assert listed == sent
