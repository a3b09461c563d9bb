"""The option ``--help`` of every magic, in addition to IPython's own ``?``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from IPython.core.magic_arguments import argument

from ..refusal import CellRefused

HELP = "--help"


def with_help(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option ``--help`` to a magic, which prints the magic's help instead of running it.

    Args:
        magic: The method; decorated by IPython after this.

    Returns:
        The method with the option. A cell below a line with ``--help`` is not run.
    """

    @functools.wraps(magic)
    def run(magics: Any, line: str, *cell: str | None) -> Any:
        __tracebackhide__ = True
        if HELP not in line.split():
            return magic(magics, line, *cell)
        decorated: Any = getattr(magics, magic.__name__)
        # The help begins with markup for IPython's documentation.
        print(decorated.parser.format_help().removeprefix("::").strip())
        if cell == (None,):  # the cell's code comes after this call
            raise CellRefused(f"{HELP} only shows this.")
        return None

    decorated: Callable[..., Any] = argument(HELP, action="store_true", help="Show this.")(run)
    return decorated
