"""Checks which of a magic's options go together; none is silently ignored. Light to import, like `magics`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from ..arguments import OFF

if TYPE_CHECKING:
    import argparse

_OF_BUDGETS = ("--warn-at", "--grace", "--max-blind")
_OF_ACCOUNTS = ("--demo", "--key-env")
_OF_CARDS = ("--warn-below", "--critical-below", "--credits-per-dollar")


def check_account(options: argparse.Namespace) -> None:
    """Check the options that select an account; several magics have them.

    Args:
        options: The options of a magic.

    Raises:
        UsageError: Two exclude each other.
    """
    if getattr(options, "demo", False) and options.key_env:
        raise UsageError("--demo needs no key: leave out --key-env.")


def check_credits(options: argparse.Namespace) -> None:
    """Check the options of ``%evolink_credits``.

    Args:
        options: The options.

    Raises:
        UsageError: An option needs another, or excludes it.
    """
    if options.live and options.html:
        raise UsageError("Choose only one of --live and --html.")
    if not (options.live or options.html):
        _refuse(options, ("--every",), "goes with --live: %evolink_credits --live --every 10")
        _refuse(options, ("--compact",), "goes with --live: %evolink_credits --live --compact")
    if options.json and (options.live or options.html):
        raise UsageError("--json goes with neither --live nor --html.")
    if options.json:
        _refuse(options, _OF_CARDS, "is for the card, and --json shows none: leave out one of them.")


def check_costs(options: argparse.Namespace) -> None:
    """Check the options of ``%evolink_costs``.

    Args:
        options: The options.

    Raises:
        UsageError: Two exclude each other.
    """
    if options.csv and options.pandas:
        raise UsageError("Choose only one of --csv and --pandas.")
    if options.by and options.csv not in {None, "-"}:
        raise UsageError("--by prints its CSV: leave out the file's name.")


def check_login(options: argparse.Namespace) -> None:
    """Check the options of ``%evolink_login``.

    Args:
        options: The options.

    Raises:
        UsageError: Two exclude each other.
    """
    if options.save and options.forget:
        raise UsageError("--save keeps a key and --forget forgets one: choose one.")


def check_track(options: argparse.Namespace) -> None:
    """Check the options of ``%evolink_track``.

    Args:
        options: The options.

    Raises:
        UsageError: An option needs ``on``.
    """
    if options.state != "on":
        _refuse(options, ("--settle", *_OF_ACCOUNTS), "goes with on: %evolink_track on {} …")


def check_budget(options: argparse.Namespace) -> None:
    """Check the options of ``%evolink_budget``.

    Args:
        options: The options.

    Raises:
        UsageError: An option needs a limit.
    """
    if options.limit in {None, OFF}:
        what = "goes with a number of credits: %evolink_budget 20 {} …"
        _refuse(options, (*_OF_BUDGETS, "--timezone", *_OF_ACCOUNTS), what)
    if options.timezone and not options.per:
        raise UsageError("--timezone goes with --per: %evolink_budget 20 --per day --timezone Europe/Berlin")


def check_cell(options: argparse.Namespace) -> None:
    """Check the options of ``%%evolink_credits``.

    Args:
        options: The options.

    Raises:
        UsageError: An option needs ``--max``.
    """
    if options.max is None:
        _refuse(options, _OF_BUDGETS, "goes with --max: %%evolink_credits --max 5 {} …")


def _refuse(options: argparse.Namespace, names: tuple[str, ...], what: str) -> None:
    """Raise an error about the first of some options that was typed, if any was.

    Args:
        options: The options.
        names: Their names as typed.
        what: The rest of the message after its name; ``{}`` stands for the name.
    """
    for name in names:
        value = getattr(options, name[2:].replace("-", "_"))
        if value is not None and value is not False:  # 0 may be typed
            raise UsageError(f"{name} {what.format(name)}")
