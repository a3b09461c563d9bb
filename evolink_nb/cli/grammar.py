"""The grammar of ``evolink-nb``: its commands and options, and the exit code for each error."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from .._version import __version__
from ..errors import ConfigurationError, EvoLinkError
from . import output
from .exit_codes import FLAW, INTERRUPTED, UNAVAILABLE, UNWRITABLE, USAGE

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
    # Each command imports only its own part of the package; --help and bad usage need neither.
    if options.command == "credits":
        from .credits import show_credits  # noqa: PLC0415

        return show_credits(as_json=options.json, minimum=options.min)
    from .demo import launch_demo  # noqa: PLC0415

    return launch_demo(port=options.port, seed=options.seed, open_browser=options.browser)


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
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    credits = commands.add_parser(
        "credits",
        help="print what the account and the key have left",
        description="Print what the account and the key have left. Exits 0; 1 below --min; "
        "64 on bad usage or without a key; 69 when the balance can't be read; 74 when it can't be printed; "
        "70 on a flaw in evolink-nb.",
    )
    credits.add_argument("--json", action="store_true", help="the API's own field names")
    credits.add_argument(
        "--min", type=_credits, metavar="CREDITS", help="exit 1 when less than this can be spent"
    )

    demo = commands.add_parser(
        "demo",
        help="open the quickstart in JupyterLab with a simulated account",
        description="Open the quickstart in JupyterLab with a simulated account. No key, no network.",
    )
    demo.add_argument(
        "--no-browser", dest="browser", action="store_false", help="print the URL and open nothing"
    )
    demo.add_argument("--port", type=_port, default=0, help="JupyterLab's port (default: a free one)")
    demo.add_argument("--seed", type=int, help="the simulated account's seed")
    return parser


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
