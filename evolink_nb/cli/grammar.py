"""The grammar of ``evolink-nb``: its commands, their options and examples."""

from __future__ import annotations

import argparse
import textwrap
from importlib import import_module
from typing import Any, NoReturn

from .._version import __version__
from . import output, values

WAYS = ("minute", "hour", "day", "week", "month", "cell", "notebook", "key", "user")
"""What a history can be added up by; repeated here so that --help needn't import the history."""
SHELLS = ("bash", "zsh", "fish")


class BadUsage(Exception):  # noqa: N818 - the name already says that it is an error
    """A command line that can't be parsed.

    Attributes:
        usage: What may be typed instead.
    """

    def __init__(self, message: str, usage: str) -> None:
        """Create one.

        Args:
            message: What is wrong with it.
            usage: What may be typed instead.
        """
        super().__init__(message)
        self.usage = usage


def _command(name: str) -> Any:
    """Return a function that runs a command; it imports the command's module, which --help doesn't need."""
    module, _, function = name.rpartition(".")

    def run(**options: Any) -> int:
        code: int = getattr(import_module(f"evolink_nb.cli.{module}"), function)(**options)
        return code

    return run


class _Parser(argparse.ArgumentParser):
    """A parser whose help has examples, and which raises `BadUsage` instead of exiting."""

    def __init__(self, *, examples: str = "", **options: Any) -> None:
        epilog = (
            f"examples:\n{textwrap.indent(textwrap.dedent(examples).strip(), '  ')}" if examples else None
        )
        super().__init__(
            **options, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
        )
        self.description = textwrap.fill(self.description or "", 79)

    def error(self, message: str) -> NoReturn:
        raise BadUsage(message, self.format_usage().rstrip())

    def print_help(self, file: object = None) -> None:
        del file  # argparse passes none; help is a result, so it is printed like one
        output.say(self.format_help().rstrip())


class _Version(argparse.Action):
    """Prints the version; argparse's own action would not notice a failed write."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        output.say(f"evolink-nb {__version__}")
        parser.exit()


def new_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = _Parser(
        prog="evolink-nb",
        description="EvoLink credits, from a shell. `evolink-nb COMMAND --help` says more about each.",
        examples="""
            evolink-nb credits                    what is left
            evolink-nb credits --min 50 || exit   end a script when less than 50 credits are left
            evolink-nb demo                       try the notebooks with a simulated account
        """,
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, default=argparse.SUPPRESS, help="print the version"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_credits(commands)
    _add_history(commands)
    _add_watch(commands)
    _add_exporter(commands)
    _add_login(commands)
    _add_demo(commands)
    _add_completion(commands)
    return parser


def _add_credits(commands: Any) -> None:
    credits = commands.add_parser(
        "credits",
        help="print what the account and the key have left",
        description="Print what the account and the key have left. Exits 0; 1 below --min; "
        "64 on bad usage or without a key; 69 when the balance can't be read; 74 when it can't be printed; "
        "70 on a bug in evolink-nb; 130 after Ctrl+C.",
        examples="""
            evolink-nb credits --min 50 --quiet || echo "top up first"
            evolink-nb credits --watch --every 60
            evolink-nb credits --watch --json >> readings.jsonl
            evolink-nb credits --json | jq .spendable
            evolink-nb credits --key-env TEAM_KEY
        """,
    )
    credits.set_defaults(run=_command("credits.show_credits"))
    printed = credits.add_mutually_exclusive_group()
    printed.add_argument(
        "--json", dest="as_json", action="store_true", help="the API's own field names; errors as JSON too"
    )
    printed.add_argument("--quiet", action="store_true", help="print nothing but errors")
    credits.add_argument(
        "--min",
        dest="minimum",
        type=values.credits,
        metavar="CREDITS",
        help="exit 1 when less than this can be spent",
    )
    credits.add_argument("--watch", action="store_true", help="go on reading; ends below --min, or on Ctrl+C")
    credits.add_argument(
        "--every", type=values.seconds, metavar="SECONDS", help="with --watch: how often (15)"
    )
    account = credits.add_mutually_exclusive_group()
    account.add_argument("--demo", action="store_true", help="read a simulated account; no key needed")
    account.add_argument(
        "--key-env", dest="key_variable", metavar="NAME", help="take the key from this environment variable"
    )


def _add_watch(commands: Any) -> None:
    watch = commands.add_parser(
        "watch",
        help="raise an alarm when the credits run low, with no notebook open",
        description="Read the balance again and again, and raise an alarm when it falls below a limit: once "
        "until it recovers. It also says when it has, and when the balance couldn't be read for 15 minutes. "
        "The webhook gets a JSON object, and so does the command, on its standard input. Ends with 0 on "
        "Ctrl+C or SIGTERM.",
        examples="""
            evolink-nb watch --below 50 --exec 'notify-send "$EVOLINK_NB_ALARM"'
            evolink-nb watch --below 2h --webhook https://hooks.example.com/T0/B0
        """,
    )
    watch.set_defaults(run=_command("watch.watch"))
    watch.add_argument(
        "--below", type=values.limit, metavar="LIMIT", help="50 credits, or 2h at the present rate"
    )
    watch.add_argument(
        "--every", type=values.seconds, default=60.0, metavar="SECONDS", help="how often to read (60)"
    )
    watch.add_argument("--webhook", metavar="URL", help="post each alarm there")
    watch.add_argument("--exec", dest="run_command", metavar="COMMAND", help="run this with each alarm")
    watch.add_argument("--quiet", action="store_true", help="print nothing but alarms")


def _add_exporter(commands: Any) -> None:
    exporter = commands.add_parser(
        "exporter",
        help="serve a team's history as Prometheus metrics",
        description="Serve what the history knows of each key and user as Prometheus metrics: balances, burn "
        "rate, runway, spending, what is left of budgets, and the age of the readings. A scrape never waits "
        "for the history. Needs prometheus_client: pip install 'evolink-nb[exporter]'.",
        examples="""
            EVOLINK_NB_HISTORY=postgresql://reader@db/credits evolink-nb exporter
            evolink-nb exporter --host 0.0.0.0 --port 9187 --budget 50/day --budget 600/month
        """,
    )
    exporter.set_defaults(run=_command("exporter.export"))
    exporter.add_argument("--port", type=values.port, default=9187, help="the port (9187)")
    exporter.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    exporter.add_argument(
        "--every",
        type=values.seconds,
        default=15.0,
        metavar="SECONDS",
        help="how often to read the history (15)",
    )
    exporter.add_argument(
        "--budget",
        dest="budgets",
        action="append",
        default=[],
        type=values.budget,
        metavar="CREDITS/PER",
        help="also serve what each key has left of this budget: 50/day, 200/week, 600/month",
    )


def _add_login(commands: Any) -> None:
    login = commands.add_parser(
        "login",
        help="keep an API key in the system keyring",
        description="Ask for an API key without showing it, try it, and keep it in the system keyring, where "
        "notebooks and evolink-nb find it. EVOLINK_API_KEY, if it is set, is used before it.",
        examples="""
            evolink-nb login
            evolink-nb login < key.txt
            evolink-nb login --forget
        """,
    )
    login.set_defaults(run=_command("login.log_in"))
    login.add_argument("--forget", action="store_true", help="remove the key from the keyring")


def _add_completion(commands: Any) -> None:
    completion = commands.add_parser(
        "completion",
        help="print the script that completes evolink-nb's options in a shell",
        description="Print the script with which a shell completes evolink-nb's commands and options. "
        "Needs shtab: pip install 'evolink-nb[completion]'.",
        examples="""
            eval "$(evolink-nb completion bash)"                                   in ~/.bashrc
            evolink-nb completion zsh > "${fpath[1]}/_evolink-nb"
            evolink-nb completion fish > ~/.config/fish/completions/evolink-nb.fish
        """,
    )
    completion.set_defaults(run=_command("completion.print_completion"))
    completion.add_argument("shell", choices=SHELLS, metavar="SHELL", help=f"one of {', '.join(SHELLS)}")


def _add_history(commands: Any) -> None:
    history = commands.add_parser(
        "history",
        help="print what all notebooks that share the history have spent",
        description="Print what was spent. EVOLINK_NB_HISTORY says where that is kept: a file, "
        "postgresql://user@host/database, or off.",
        examples="""
            evolink-nb history --since 24h
            evolink-nb history --since 30d --by notebook --csv > bill.csv
            evolink-nb history --keep-history 400      for all who share a database
        """,
    )
    history.set_defaults(run=_command("history.run_history"))
    history.add_argument("--since", default="7d", metavar="SPAN", help="how far back: 24h, 7d, 2w (7d)")
    history.add_argument("--by", choices=WAYS, help="what to add up by (periods that suit the span)")
    instead = history.add_mutually_exclusive_group()
    instead.add_argument("--csv", dest="as_csv", action="store_true", help="as CSV")
    instead.add_argument("--json", dest="as_json", action="store_true", help="as JSON")
    instead.add_argument("--where", action="store_true", help="print where the history is kept")
    instead.add_argument("--forget", action="store_true", help="delete the history, after asking")
    history.add_argument(
        "--keep-readings",
        type=values.days,
        metavar="DAYS",
        help="have a team's database keep every reading for this many days (40), then one an hour; "
        "0 keeps them forever",
    )
    history.add_argument(
        "--keep-history",
        type=values.days,
        metavar="DAYS",
        help="have it keep anything at all for this many days; 0, the default, keeps it forever",
    )
    history.add_argument(
        "--yes", dest="is_sure", action="store_true", help="with --forget or --keep-…: don't ask"
    )


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        help="open the quickstart in JupyterLab with a simulated account",
        description="Open the quickstart in JupyterLab with a simulated account. No key, no network.",
        examples="""
            evolink-nb demo
            evolink-nb demo --no-browser --port 8890
        """,
    )
    demo.set_defaults(run=_command("demo.launch_demo"))
    demo.add_argument(
        "--no-browser", dest="open_browser", action="store_false", help="print the URL and open nothing"
    )
    demo.add_argument("--port", type=values.port, default=0, help="JupyterLab's port (default: a free one)")
    demo.add_argument("--seed", type=int, help="the simulated account's seed")
