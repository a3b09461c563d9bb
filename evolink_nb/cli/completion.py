"""``evolink-nb completion``: prints a script that lets a shell complete commands and options."""

from __future__ import annotations

import importlib
import importlib.util

from ..errors import ConfigurationError
from . import grammar, output
from .exit_codes import OK


def print_completion(*, shell: str) -> int:
    """Print a shell script that completes ``evolink-nb``; it runs no Python while the user types.

    Args:
        shell: The shell.

    Returns:
        The exit code, `OK`.

    Raises:
        ConfigurationError: shtab, which writes the script, is not installed.
        OutputError: It can't be printed.
    """
    if importlib.util.find_spec("shtab") is None:
        raise ConfigurationError(
            "Completion needs shtab.", hint="Install it with: pip install 'evolink-nb[completion]'"
        )
    script: str = importlib.import_module("shtab").complete(grammar.new_parser(), shell=shell)
    output.say(script.rstrip())
    return OK
