"""Every code block of README and of the documentation runs, and prints what stands below it."""

from __future__ import annotations

import configparser
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from traitlets.config.loader import PyFileConfigLoader

from evolink_nb.notebook.magics import EvoLinkMagics

from .blocks import IN_THE_KERNEL, OUTPUT, SHELL, Block, blocks_of, commands_of, comparable
from .commands import complaint, is_run
from .pages import Page, pages, run_pages

pytestmark = pytest.mark.timeout(240)

PAGES = {page.name: page for page in pages()}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    """All pages, their code run at once."""
    found = pages()
    run_pages(found, tmp_path_factory.mktemp("pages"))
    return {page.name: page for page in found}


@pytest.mark.parametrize("name", PAGES)
def test_every_cell_runs_as_the_page_says(ran: dict[str, Page], name: str) -> None:
    page = ran[name]
    for block in page.cells:
        shown, printed = page.output_of(block), page.printed[block.start]
        if shown is not None:
            assert comparable(printed) == comparable(shown.text), block.text
        else:
            assert block.start not in page.failed, f"{block.text}{printed}"


@pytest.mark.parametrize("name", PAGES)
def test_every_command_runs_as_it_says(ran: dict[str, Page], name: str) -> None:
    page = ran[name]
    for block in page.blocks:
        if block.language == SHELL:
            assert comparable(page.printed[block.start]) == comparable(block.text)
            assert block.start not in page.failed


@pytest.mark.parametrize("name", PAGES)
def test_commands_not_run_are_right(name: str) -> None:
    commands = [
        command
        for block in PAGES[name].blocks
        if block.language == SHELL
        for command in commands_of(block)
        if not is_run(command)
    ]
    assert {command.line: complaint(command) for command in commands} == {
        command.line: None for command in commands
    }


@pytest.mark.parametrize("name", PAGES)
def test_every_block_is_of_a_known_kind(name: str, tmp_path: Path) -> None:
    page = PAGES[name]
    page.write_files(tmp_path)
    for block in page.blocks:
        assert block.language in {*IN_THE_KERNEL, SHELL, OUTPUT, *PARSERS}, block.text
        assert not block.is_output or block.follows, f"what is this the output of?\n{block.text}"
        if block.language in PARSERS:
            assert PARSERS[block.language](block.text)
        elif block.caption.endswith("_config.py"):
            load_configuration(tmp_path / block.caption)
        elif block.caption.endswith(".py"):
            compile(block.text, block.caption, "exec")


def sections_of(text: str) -> list[str]:
    """Return the sections of a unit of systemd."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return parser.sections()


PARSERS: dict[str, Callable[[str], Any]] = {
    "ini": sections_of,
    "json": json.loads,
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
}


def load_configuration(path: Path) -> None:
    """Load a configuration as Jupyter and IPython do; what it sets of ours must be there to be set."""
    loaded = PyFileConfigLoader(path.name, path=str(path.parent)).load_config()
    assert loaded
    assert set(loaded.get("EvoLinkMagics", {})) <= set(EvoLinkMagics.class_traits(config=True))


def test_blocks_are_found_with_their_file() -> None:
    page = "```{code-block} python\n:caption: night.py\n\nx = 1\n```\n\n```text\n1\n```\n\nb\n"
    page += "\n```text\n2\n```\n"
    assert list(blocks_of(page)) == [
        Block("python", "night.py", "x = 1\n", page.index("x ="), follows=False),
        Block("text", "", "1\n", page.index("1\n`", 60), follows=True),
        Block("text", "", "2\n", page.index("2\n```"), follows=False),
    ]
