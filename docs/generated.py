"""The parts of the reference that are written from the code itself, as Markdown."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from traitlets import Undefined

import evolink_nb
from evolink_nb.cli import exit_codes, grammar
from evolink_nb.notebook.configured.configuration import settings, variable_of
from evolink_nb.notebook.magics import EvoLinkMagics

PACKAGE = Path(evolink_nb.__file__).parent
_TYPED = re.compile(r"(?<![\w-])(--[a-z][a-z-]*|%%?evolink_\w+|EVOLINK_\w+)")
"""What can be typed: options, magics, variables."""
_ENDS_AS_A_VARIABLE = "_VARIABLE"
"""How the constants that name environment variables are named themselves."""


def magics() -> str:
    """Return every magic, with its help and options."""
    found: dict[str, dict[str, str]] = EvoLinkMagics.magics
    named = [
        *((f"%%{name}", getattr(EvoLinkMagics, method)) for name, method in sorted(found["cell"].items())),
        *((f"%{name}", getattr(EvoLinkMagics, method)) for name, method in sorted(found["line"].items())),
    ]
    return "\n".join(_magic(name, magic) for name, magic in named)


def _magic(name: str, magic: Any) -> str:
    # IPython's parsers begin with markup for their own documentation.
    usage = " ".join(magic.parser.format_usage().removeprefix("::").split())
    return f"## `{name}`\n\n{_prose(magic)}\n{_block(usage)}\n{_options(magic.parser)}"


def _prose(documented: Any) -> str:
    """A docstring as Markdown; that of a magic goes on with its options, which follow as a table."""
    text = inspect.cleandoc(inspect.unwrap(documented).__doc__ or "")
    return _marked(text) + "\n"


def cli() -> str:
    """Return every command of ``evolink-nb``, with its help and options."""
    parser = grammar.new_parser()
    return "\n".join(_command(each) for each in (parser, *commands(parser)))


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Return the parsers of a parser's commands.

    Args:
        parser: The parser.
    """
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def _command(parser: argparse.ArgumentParser) -> str:
    usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
    more = f"\n{_block(parser.epilog)}" if parser.epilog else ""
    prose = _marked(parser.description or "")
    return f"## `{parser.prog}`\n\n{prose}\n\n{_block(usage)}\n{_options(parser)}{more}"


def _options(parser: argparse.ArgumentParser) -> str:
    rows = "".join(
        f"| {_typed(action)} | {_cell(_marked(_help(action)))} |\n"
        for action in parser._actions
        if action.help is not argparse.SUPPRESS and not isinstance(action, argparse._SubParsersAction)
    )
    return f"| option | does |\n|---|---|\n{rows}"


def _help(action: argparse.Action) -> str:
    text = (action.help or "") % {**vars(action), "prog": ""}
    return text[:1].upper() + text[1:].removesuffix(".") + "." if text else ""


def _typed(action: argparse.Action) -> str:
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    if not action.option_strings:
        return _code(str(value))
    if action.nargs == 0:
        return ", ".join(map(_code, action.option_strings))
    value = f"[{value}]" if action.nargs == "?" else value
    return ", ".join(_code(f"{option} {value}") for option in action.option_strings)


def configuration() -> str:
    """Return every name of the configuration."""
    rows = "".join(
        f"| `c.EvoLinkMagics.{name}` | {_default(trait)} | {_cell(_marked(trait.help))} |\n"
        for name, trait in sorted(settings().items())
    )
    return f"| name | default | sets |\n|---|---|---|\n{rows}"


def _default(trait: Any) -> str:
    """A setting's default; of one that is empty, or worked out, the help says what that means."""
    return "none" if trait.default_value in {"", Undefined} else _code(repr(trait.default_value))


def codes() -> str:
    """Return every exit code of ``evolink-nb``."""
    source = Path(exit_codes.__file__).read_text(encoding="utf-8")
    rows = "".join(f"| {value} | {_cell(text)} |\n" for _, value, text in _constants(source))
    return f"| code | when |\n|---|---|\n{rows}"


def variables() -> str:
    """Return every environment variable of our own."""
    found = {
        value: text
        for path in sorted(PACKAGE.rglob("*.py"))
        for name, value, text in _constants(path.read_text(encoding="utf-8"))
        if name.endswith(_ENDS_AS_A_VARIABLE)
    }
    for name in settings():
        found.setdefault(variable_of(name), f"What `c.EvoLinkMagics.{name}` sets, which wins over it.")
    rows = "".join(f"| `{name}` | {_cell(text)} |\n" for name, text in sorted(found.items()))
    return f"| variable | sets |\n|---|---|\n{rows}"


def _constants(source: str) -> Iterator[tuple[str, object, str]]:
    """The constants of a module: their names, values, and the strings below them, which document them."""
    body = ast.parse(source).body
    for statement, following in zip(body, [*body[1:], ast.Pass()], strict=True):
        if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Constant):
            continue
        [target] = statement.targets
        documents = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        text = str(following.value.value) if documents else ""  # type: ignore[attr-defined]
        if isinstance(target, ast.Name):
            yield target.id, statement.value.value, text


def _marked(text: str) -> str:
    """A help or a docstring as Markdown, with what can be typed as code."""
    pieces = text.replace("``", "`").split("`")
    pieces[::2] = [_TYPED.sub(r"`\1`", piece) for piece in pieces[::2]]
    return "`".join(pieces)


def _cell(text: str) -> str:
    """A text in one cell of a table."""
    return re.sub(r"(?<![\\])\|", r"\\|", " ".join(text.replace("``", "`").split()))


def _code(text: str) -> str:
    return f"`{_cell(text)}`"


def _block(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```\n"


GENERATORS: dict[str, Callable[[], str]] = {
    "magics": magics,
    "cli": cli,
    "configuration": configuration,
    "exit-codes": codes,
    "environment": variables,
}
"""What a page may name in a mark ``<!-- generated: … -->``."""
