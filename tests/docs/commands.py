"""Commands of the documentation that are run, and what holds for those that aren't."""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import shlex
import tomllib
from collections.abc import Callable
from typing import TYPE_CHECKING

from docs import build
from evolink_nb.cli import grammar

if TYPE_CHECKING:
    from .blocks import Command

RUN = {"cat", "echo", "evolink-nb", "jupyter", "ls", "papermill", "python", "rm"}
"""Commands that do no harm, and end."""
NOT_RUN = (
    *(f"evolink-nb {command}" for command in ("completion", "demo", "exporter", "history", "login", "watch")),
    *("jupyter lab", "python -m evolink_nb.demo"),
)
"""Those that don't end by themselves, ask for something, or write elsewhere."""


def is_run(command: Command) -> bool:
    """Whether a command is run; others are checked by `complaint`."""
    words = _without_variables(command.words)
    waits = " ".join(words).startswith(NOT_RUN) or "--watch" in words
    return bool(words) and words[0] in RUN and not waits


def complaint(command: Command) -> str | None:
    """What is wrong with a command that isn't run; None if nothing is, "unknown" if nobody knows."""
    checks: dict[str, Callable[[list[str]], bool]] = {
        "eval": lambda words: _can_be_parsed(words[1].removeprefix("$(").removesuffix(")").split()),
        "evolink-nb": _can_be_parsed,
        "export": lambda words: re.fullmatch(r"[A-Z_]+=\S+", words[1]) is not None,
        "ipython": lambda words: len(words) == 1 or words[1:3] == ["profile", "create"],
        "jupyter": lambda words: words[1] == "lab",
        "make": lambda words: is_target(words[1]),
        "nohup": lambda words: words[-1] == "&",
        "pip": lambda words: words[1] == "install" and all(map(is_extra, _extras(words))),
        "python": lambda words: words[1:3] in (["-m", "evolink_nb.demo"], ["-m", "evolink_nb"]),
    }
    words = _without_variables(shlex.split(command.line, comments=True))
    check = checks.get(words[0])
    if check is None:
        return "unknown: say in tests/docs/commands.py how it is checked"
    return None if check(words) else "wrong"


def _without_variables(words: list[str]) -> list[str]:
    """Return a command's words without what is set before it and holds for it."""
    return list(itertools.dropwhile(re.compile(r"[A-Z_]+=").match, words))


def _can_be_parsed(words: list[str]) -> bool:
    typed = words[1 : words.index(">")] if ">" in words else words[1:]
    with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(SystemExit, grammar.BadUsage):
        grammar.new_parser().parse_args(typed)
        return True
    return False


def _extras(words: list[str]) -> list[str]:
    named = [found[1] for word in words if (found := re.search(r"\[([\w,-]+)\]", word))]
    return [extra for each in named for extra in each.split(",")]


def is_extra(name: str) -> bool:
    """Whether the package can be installed with this extra."""
    settings = tomllib.loads((build.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return name in settings["project"]["optional-dependencies"]


def is_target(name: str) -> bool:
    """Whether the Makefile has this target."""
    return (
        re.search(rf"^{name}:", (build.ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        is not None
    )
