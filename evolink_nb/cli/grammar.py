"""The grammar of ``evolink-nb``: its commands and options, and the exit code for each error."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from .._version import __version__
from ..errors import ConfigurationError, EvoLinkError
from .exit_codes import INTERRUPTED, UNAVAILABLE, USAGE

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
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except KeyboardInterrupt:
        return INTERRUPTED
    except EvoLinkError as error:
        print(f"evolink-nb: {error}", file=sys.stderr)
        return USAGE if isinstance(error, ConfigurationError) else UNAVAILABLE


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
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="evolink-nb", description="EvoLink credits, from a shell.")
    parser.add_argument("--version", action="version", version=f"evolink-nb {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    credits = commands.add_parser(
        "credits",
        help="print what the account and the key have left",
        description="Print what the account and the key have left. Exits 0; 1 below --min; "
        "64 on bad usage or without a key; 69 when the balance can't be read.",
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
