"""The reference names everything there is: magics, options, commands, exit codes, variables, settings."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.magic import Magics

import evolink_nb
from docs import build
from docs.generated import GENERATORS
from evolink_nb.cli import exit_codes, grammar
from evolink_nb.demo.__main__ import main as serve_api
from evolink_nb.notebook.configured.configuration import settings, variable_of

if TYPE_CHECKING:
    from tests.support.shell import Shell

REFERENCE = build.HERE / "reference"


def page(name: str) -> str:
    """A page of the reference with what is generated in its place."""
    return build.completed((REFERENCE / f"{name}.md").read_text(encoding="utf-8"))


def section(of: str, title: str) -> str:
    """The part of a page below one heading; fails if there is none."""
    found = re.search(rf"^## `{re.escape(title)}`\n(.*?)(?=^## |\Z)", page(of), re.MULTILINE | re.DOTALL)
    assert found, f"{title} is not in {of}.md"
    return found[1]


def options_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The names of a parser's options, those that its help hides too."""
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            choices = "|".join(map(str, action.choices or ()))
            yield from action.option_strings or [str(action.metavar or choices or action.dest)]


def missing_options(parser: argparse.ArgumentParser, text: str) -> list[str]:
    rows = [cell for line in text.splitlines() if line.startswith("| `") for cell in line.split("| ")[1:2]]
    written = " ".join(rows).replace("\\|", "|")
    return [name for name in options_of(parser) if not re.search(rf"(?<![\w-]){re.escape(name)}\b", written)]


def test_every_magic_and_option_is_there(shell: Shell) -> None:
    """Those that loading the extension registers, whatever their names."""
    manager: Any = shell.ip.magics_manager
    ours = {
        f"{mark}{name}": magic
        for mark, kind in (("%", "line"), ("%%", "cell"))
        for name, magic in manager.magics[kind].items()
        if "evolink_nb" in getattr(magic, "__module__", "")
    }
    assert len(ours) >= 6
    for title, magic in ours.items():
        text = section("magics", title)
        assert missing_options(magic.parser, text) == [], title
        assert (magic.__doc__ or "").strip().splitlines()[-1].strip()


def test_every_command_and_option_is_there() -> None:
    parser = grammar.new_parser()
    [commands] = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    for each in (parser, *commands.choices.values()):
        assert missing_options(each, section("command-line", each.prog)) == []


def test_every_option_of_the_api_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    """The simulated API alone, whose options are written by hand."""
    with pytest.raises(SystemExit):
        serve_api(["--help"])
    named = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert "--port" in named
    assert {
        name for name in named if name not in section("command-line", "python -m evolink_nb.demo")
    } == set()


def test_every_option_says_what_it_does() -> None:
    rows = [
        line
        for text in (page("magics"), page("command-line"), page("environment"), page("configuration"))
        for line in text.splitlines()
        if line.startswith("| ")
    ]
    assert len(rows) > 50
    assert [row for row in rows if row.rstrip(" |").endswith("|") or re.search(r"\|\s*\|", row)] == []


def test_every_exit_code_is_there() -> None:
    codes = {value for name, value in vars(exit_codes).items() if name.isupper()}
    table = re.findall(r"^\| (\d+) \| \S", page("command-line"), re.MULTILINE)
    assert {int(code) for code in table} == codes


def test_every_variable_is_there() -> None:
    """Whatever in the code looks like one is one."""
    named = {
        found
        for path in Path(evolink_nb.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for found in re.findall(r"\bEVOLINK_[A-Z_]*[A-Z]\b", node.value)
    }
    named |= {variable_of(name) for name in settings()}
    listed = set(re.findall(r"`(EVOLINK_[A-Z_]+)`", page("environment")))
    assert {"EVOLINK_API_KEY", "EVOLINK_BASE_URL"} <= listed == named


def test_every_setting_is_there(shell: Shell) -> None:
    magics: Any = shell.ip.magics_manager.registry["EvoLinkMagics"]
    inherited = Magics.class_trait_names(config=True)
    ours = {f"c.EvoLinkMagics.{name}" for name in magics.trait_names(config=True) if name not in inherited}
    listed = re.findall(r"^\| `(c\.\w+\.\w+)` ", page("configuration"), re.MULTILINE)
    assert ours == set(listed)


def test_all_that_is_generated_is_shown() -> None:
    marks = [
        mark
        for path in build.pages()
        for mark in re.findall(r"<!-- generated: ([\w-]+) -->", path.read_text(encoding="utf-8"))
    ]
    assert sorted(marks) == sorted(GENERATORS)


def test_an_unknown_mark_fails_the_build() -> None:
    with pytest.raises(KeyError):
        build.completed("<!-- generated: nothing -->")
