"""What can be typed: options, help, completion, and what a wrong line is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError

from evolink_nb.notebook.magics import LINE_MAGICS
from tests.support.metered import LINE

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.shell import (
        Shell,
    )

CELL_OPTIONS = [
    *("--max", "--grace", "--warn-at", "--max-blind", "--settle", "--name", "--demo", "--key-env", "--help")
]

OPTIONS = [
    *("--live", "--html", "--compact", "--every", "--warn-below", "--critical-below", "--credits-per-dollar"),
    *("--fresh", "--json", "--demo", "--key-env", "--help"),
]


def test_help_of_cells_names_every_option(shell: Shell) -> None:
    magic = shell.ip.find_cell_magic("evolink_credits")
    found = shell.ip.object_inspect(LINE)
    assert found["found"]
    for action in magic.parser._actions:
        assert action.option_strings[-1] in found["docstring"]
        assert action.help in " ".join(found["docstring"].split())
    assert "as if this line were not there" in found["docstring"]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (f"{LINE} --", CELL_OPTIONS),
        (f"{LINE} --max 5 --s", ["--settle"]),
        ("%evolink_track --", ["--settle", "--demo", "--key-env", "--help"]),
        ("%evolink_costs --", ["--csv", "--pandas", "--since", "--by", "--help"]),
    ],
)
def test_options_of_cells_are_completed(shell: Shell, typed: str, offered: list[str]) -> None:
    shell.ip.Completer.use_jedi = False
    with provisionalcompleter():
        completions = [found.text for found in shell.ip.Completer.completions(typed, len(typed))]
    assert completions == offered


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("--frobnicate", "unrecognized arguments: --frobnicate"),
        ("twelve", "unrecognized arguments: twelve"),
        ("--every 5", "--every goes with --live: %evolink_credits --live --every 10"),
        ("--live --every soon", "argument --every: 'soon' is not a number above 0: write 10 or 0.5"),
        ("--live --every 0", "argument --every: '0' is not a number above 0: write 10 or 0.5"),
        ("--live --every nan", "argument --every: 'nan' is not a number above 0: write 10 or 0.5"),
        ("--warn-below abc", "argument --warn-below: 'abc' is not a limit: write 50 or 2h"),
        ("--warn-below -3", "argument --warn-below: '-3' is not a limit: write 50 or 2h"),
        ("--json --live", "--json goes with neither --live nor --html."),
        ("--demo --key-env NAME", "--demo needs no key: leave out --key-env."),
        ("--key-env", "argument --key-env: expected one argument"),
        ("--key-env 'NAME", "No closing quotation."),
    ],
)
def test_bad_usage_is_one_line(shell: Shell, demo_server: DemoServer, line: str, complaint: str) -> None:
    shown = shell.run(f"%evolink_credits {line}")
    assert type(shown.error) is UsageError
    assert shown.err.strip().startswith(f"UsageError: {complaint}")
    assert len(shown.err.strip().splitlines()) == 1
    assert (shown.out, demo_server.requests_seen) == ("", {})


def test_braces_and_dollars_are_left_alone(shell: Shell) -> None:
    shown = shell.run("name = 'x'\n%evolink_credits --key-env $name{name}")
    assert "$name{name} is not set" in shown.out


@pytest.mark.parametrize(
    "line",
    [
        "%evolink_login sk-s3cret-k3y",
        "%evolink_login 's3cret",
        "%evolink_login --save=sk-s3cret-k3y",
        "%evolink_login s3cret-k3y --save",
        "%evolink_credits sk-s3cret-k3y",
        "%evolink_credits --key-env sk-s3cret-k3y",
        "%evolink_track sk-s3cret-k3y",
        "%evolink_track on --key-env s3cret-k3y",
    ],
)
def test_key_in_a_line_is_not_repeated(shell: Shell, line: str) -> None:
    shown = shell.run(line)
    assert (shown.out + shown.err).strip()
    assert "s3cret" not in shown.out + shown.err
    if "login" in line:
        assert "delete that cell" in shown.err


@pytest.mark.parametrize("name", ["evolink_credits", "evolink_login"])
def test_help_names_every_option(shell: Shell, name: str) -> None:
    magic = getattr(shell.ip.magics_manager.registry["EvoLinkMagics"], name)
    found = shell.ip.object_inspect(f"%{name}")
    assert found["found"]
    for action in magic.parser._actions:
        assert action.option_strings[-1] in found["docstring"]
        assert action.help in " ".join(found["docstring"].split())


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("%evolink_credits --", OPTIONS),
        ("%evolink_credits --json --w", ["--warn-below"]),
        ("c = %evolink_credits --d", []),
        ("%evolink_login --", ["--save", "--forget", "--help"]),
    ],
)
def test_options_are_completed(shell: Shell, typed: str, offered: list[str]) -> None:
    # Jedi adds what it takes for Python to every magic's options.
    shell.ip.Completer.use_jedi = False
    with provisionalcompleter():
        completions = [found.text for found in shell.ip.Completer.completions(typed, len(typed))]
    assert completions == offered


@pytest.mark.parametrize("name", LINE_MAGICS)
def test_help_is_printed(shell: Shell, demo_server: DemoServer, name: str) -> None:
    for line in ("--help", "--demo --help"):
        shown = shell.run(f"%{name} {line}")
        assert (shown.error, shown.err, shown.value) == (None, "", None)
        assert shown.out.startswith(f"%{name} ")
        assert "--help" in shown.out.split("options:")[1]
    assert demo_server.requests_seen == {}


def test_help_runs_no_cell(shell: Shell, demo_server: DemoServer) -> None:
    shown = shell.run("%%evolink_credits --max 5 --help\nran = True")
    assert shown.out.startswith("%%evolink_credits ")
    assert "--max N" in shown.out
    assert "The cell was not run: --help only shows this." in shown.out + shown.err
    assert "ran" not in shell.ip.user_ns
    # Called by another magic, it has the cell, and leaves it at the help.
    shown = shell.run("get_ipython().run_cell_magic('evolink_credits', '--help', 'ran = True')")
    assert (shown.error, "ran" in shell.ip.user_ns) == (None, False)
    assert demo_server.requests_seen == {}
