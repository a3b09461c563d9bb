"""Runs a command, reports what went wrong, and returns the exit code."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence

from .._version import __version__
from ..errors import ConfigurationError, EvoLinkError
from . import output
from .exit_codes import FLAW, INTERRUPTED, UNAVAILABLE, UNWRITABLE, USAGE
from .grammar import BadUsage, new_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``evolink-nb``.

    Args:
        arguments: The command line; by default the process's own.

    Returns:
        The exit code, one of `evolink_nb.cli.exit_codes`.

    Raises:
        SystemExit: After ``--help``, ``--version`` or bad usage.
    """
    output.accept_any_text()
    given = sys.argv[1:] if arguments is None else list(arguments)
    failure = output.Failure(as_json="--json" in given)
    try:
        return _run(new_parser().parse_args(given))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BadUsage as problem:
        failure.say(str(problem), problem, USAGE, after=f"\n{problem.usage}")
        raise SystemExit(USAGE) from None
    except EvoLinkError as error:
        code = USAGE if isinstance(error, ConfigurationError) else UNAVAILABLE
        return failure.say(error.in_shell(), error, code)
    except output.OutputError as error:
        return failure.say(f"the output can't be written: {error}.", error, UNWRITABLE)
    except Exception as flaw:  # noqa: BLE001 - Python's own exit code, 1, would mean "below --min"
        # Without the exception's own text, which may quote the key.
        where = "".join(traceback.format_tb(flaw.__traceback__)).rstrip()
        what = f"{type(flaw).__name__}, a bug in evolink-nb {__version__}: please report it."
        return failure.say(what, flaw, FLAW, after=f"\n{where}")


def _run(options: argparse.Namespace) -> int:
    given = {name: value for name, value in vars(options).items() if name not in {"command", "run"}}
    code: int = options.run(**given)
    return code
