"""The magics' option parsers, constructed on first use: seven parsers and their help take a while."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from IPython.core.magic_arguments import construct_parser

if TYPE_CHECKING:
    from IPython.core.magic_arguments import MagicArgumentParser


class LazyParser:
    """A magic's parser, constructed when one of its attributes is first used."""

    def __init__(self, magic: Any) -> None:
        """Remember the magic.

        Args:
            magic: The magic, decorated with its arguments.
        """
        self._magic = magic

    @cached_property
    def _parser(self) -> MagicArgumentParser:
        # It also replaces the magic's docstring with the full help.
        parser: MagicArgumentParser = construct_parser(self._magic)
        return parser

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    def help(self) -> str:
        """Return the magic's full help; IPython's ``?`` gets it by calling ``getdoc``."""
        return str(self._parser.format_help())


def with_options(name: str | None = None) -> Callable[[Any], Any]:
    """Return a decorator like IPython's ``magic_arguments`` that constructs the parser on first use.

    Args:
        name: The magic's name in its help; by default the method's name.
    """

    def decorate(magic: Any) -> Any:
        if name is not None:
            magic.argcmd_name = name
        magic.parser = LazyParser(magic)
        magic.getdoc = magic.parser.help
        return magic

    return decorate
