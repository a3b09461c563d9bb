"""Options that need another, or exclude it: a line with them is refused, and nothing is run or read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from IPython.core.error import UsageError

from tests.support.metered import LINE

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.shell import Shell


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (f"{LINE} --grace 5", "--grace goes with --max: %%evolink_credits --max 5 --grace …"),
        (f"{LINE} --grace 0", "--grace goes with --max: %%evolink_credits --max 5 --grace …"),
        (f"{LINE} --warn-at 0.5", "--warn-at goes with --max: %%evolink_credits --max 5 --warn-at …"),
        (f"{LINE} --max-blind 9", "--max-blind goes with --max: %%evolink_credits --max 5 --max-blind …"),
        ("%evolink_credits --html --live", "Choose only one of --live and --html."),
        ("%evolink_credits --every 9", "--every goes with --live: %evolink_credits --live --every 10"),
        ("%evolink_credits --json --html", "--json goes with neither --live nor --html."),
        (
            "%evolink_credits --json --warn-below 5",
            "--warn-below is for the card, and --json shows none: leave out one of them.",
        ),
        ("%evolink_login --save --forget", "--save keeps a key and --forget forgets one: choose one."),
        ("%evolink_track off --settle 5", "--settle goes with on: %evolink_track on --settle …"),
        ("%evolink_track --demo", "--demo goes with on: %evolink_track on --demo …"),
        ("%evolink_track off --key-env A", "--key-env goes with on: %evolink_track on --key-env …"),
        ("%evolink_budget --demo", "--demo goes with a number of credits: %evolink_budget 20 --demo …"),
        (
            "%evolink_budget off --grace 0",
            "--grace goes with a number of credits: %evolink_budget 20 --grace …",
        ),
        ("%evolink_costs --by user --csv bill.csv", "--by prints its CSV: leave out the file's name."),
        ("%evolink_costs --csv --pandas", "Choose only one of --csv and --pandas."),
    ],
)
def test_no_option_is_ignored_silently(
    shell: Shell, demo_server: DemoServer, line: str, complaint: str
) -> None:
    shown = shell.run(f"{line}\nran = True" if line.startswith("%%") else line)
    assert isinstance(shown.error, UsageError)
    assert shown.err.strip() == f"UsageError: {complaint}"
    assert "ran" not in shell.ip.user_ns
    assert demo_server.requests_seen == {}


def test_options_in_their_place_are_taken(shell: Shell) -> None:
    for source in (
        f"{LINE} --max 5 --grace 1 --warn-at 0.5 --max-blind 9\n6 * 7",
        "%evolink_budget 20 --grace 0 --warn-at 0",
        "%evolink_track on --settle 1",
        "%evolink_track off",
        "%evolink_budget off",
    ):
        assert shell.run(source).error is None
