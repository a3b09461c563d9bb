"""The grammar of ``evolink-nb``: its commands and options, and the exit code for each error."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from importlib import import_module
from typing import Any, NoReturn

from .._version import __version__
from ..errors import ConfigurationError, EvoLinkError
from . import output
from .exit_codes import FLAW, INTERRUPTED, UNAVAILABLE, UNWRITABLE, USAGE

WAYS = ("minute", "hour", "day", "week", "month", "cell", "notebook", "key", "user")
"""What a history can be added up by; here too, so that --help doesn't import it."""
_MAX_PORT = 65_535


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
    try:
        return _run(_parser().parse_args(arguments))
    except KeyboardInterrupt:
        return INTERRUPTED
    except EvoLinkError as error:
        output.complain(error.in_shell())
        return USAGE if isinstance(error, ConfigurationError) else UNAVAILABLE
    except output.OutputError as error:
        output.complain(f"the output can't be written: {error}.")
        return UNWRITABLE
    except Exception as flaw:  # noqa: BLE001 - Python's own exit code, 1, would mean "below --min"
        # Without the exception's own text, which may quote the key.
        where = "".join(traceback.format_tb(flaw.__traceback__)).rstrip()
        output.complain(
            f"{type(flaw).__name__}, a flaw in evolink-nb {__version__}: please report it.\n{where}"
        )
        return FLAW


def _run(options: argparse.Namespace) -> int:
    given = {name: value for name, value in vars(options).items() if name not in {"command", "run"}}
    code: int = options.run(**given)
    return code


def _command(name: str) -> Any:
    """Return a command of this package: only its own part is imported; --help and bad usage need none."""
    module, _, function = name.rpartition(".")

    def run(**options: Any) -> int:
        code: int = getattr(import_module(f"evolink_nb.cli.{module}"), function)(**options)
        return code

    return run


class _Parser(argparse.ArgumentParser):
    """A parser that exits with 64 on bad usage: argparse's 2 means something else to `credits`' callers."""

    def error(self, message: str) -> NoReturn:
        output.complain(f"{message}\n{self.format_usage().rstrip()}")
        self.exit(USAGE)

    def print_help(self, file: object = None) -> None:
        del file  # it is for results: argparse passes none
        output.say(self.format_help().rstrip())


class _Version(argparse.Action):
    """Prints the version; argparse's own action would not notice that it can't."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        output.say(f"evolink-nb {__version__}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="evolink-nb", description="EvoLink credits, from a shell.")
    parser.add_argument(
        "--version", action=_Version, nargs=0, default=argparse.SUPPRESS, help="print the version"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_credits(commands)
    _add_history(commands)
    _add_demo(commands)
    return parser


def _add_credits(commands: Any) -> None:
    credits = commands.add_parser(
        "credits",
        help="print what the account and the key have left",
        description="Print what the account and the key have left. Exits 0; 1 below --min; "
        "64 on bad usage or without a key; 69 when the balance can't be read; 74 when it can't be printed; "
        "70 on a flaw in evolink-nb.",
    )
    credits.set_defaults(run=_command("credits.show_credits"))
    credits.add_argument("--json", dest="as_json", action="store_true", help="the API's own field names")
    credits.add_argument(
        "--min",
        dest="minimum",
        type=_credits,
        metavar="CREDITS",
        help="exit 1 when less than this can be spent",
    )


def _add_history(commands: Any) -> None:
    history = commands.add_parser(
        "history",
        help="print what was spent, as kept by all notebooks that share the history",
        description="Print what was spent. EVOLINK_NB_HISTORY says where that is kept: a file, "
        "postgresql://user@host/database, or off.",
    )
    history.set_defaults(run=_command("history.run_history"))
    history.add_argument("--since", default="7d", metavar="SPAN", help="how far back: 24h, 7d, 2w (7d)")
    history.add_argument("--by", choices=WAYS, help="what to add up by (periods that suit the span)")
    instead = history.add_mutually_exclusive_group()
    instead.add_argument("--csv", dest="as_csv", action="store_true", help="as CSV")
    instead.add_argument("--json", dest="as_json", action="store_true", help="as JSON")
    instead.add_argument("--where", action="store_true", help="print where the history is kept")
    instead.add_argument("--forget", action="store_true", help="delete the history, after asking")
    history.add_argument("--yes", dest="is_sure", action="store_true", help="with --forget: don't ask")


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        help="open the quickstart in JupyterLab with a simulated account",
        description="Open the quickstart in JupyterLab with a simulated account. No key, no network.",
    )
    demo.set_defaults(run=_command("demo.launch_demo"))
    demo.add_argument(
        "--no-browser", dest="open_browser", action="store_false", help="print the URL and open nothing"
    )
    demo.add_argument("--port", type=_port, default=0, help="JupyterLab's port (default: a free one)")
    demo.add_argument("--seed", type=int, help="the simulated account's seed")


def _credits(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of credits")
    return amount


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)
