"""The card as text: the same words with and without bold type and colour, and when those are wanted."""

from __future__ import annotations

import io
import os
import pty
import re
from typing import Any

import pytest

from evolink_nb.card.render import CardView, render_text
from evolink_nb.formatting import may_style
from evolink_nb.polling.status import Status
from tests.support.readings import reading

CODES = re.compile("\x1b\\[[0-9;]*m")


@pytest.mark.parametrize(
    "view",
    [
        CardView(reading()),
        CardView(None, Status.LOADING),
        CardView(reading(user="-5", simulated=True)),
        CardView(reading(unlimited=True), "stale", "low", "No answer.\nTry again.", 150.0, worth="$1"),
        CardView(reading(), notice="Spent.", outlook="enough for one more run"),
    ],
)
def test_style_changes_no_word(view: CardView) -> None:
    styled = view.text(styled=True)
    assert "\x1b" not in view.text()
    assert CODES.sub("", styled) == view.text()
    # What follows the card isn't styled.
    assert all(line.endswith("\x1b[0m") for line in styled.splitlines() if "\x1b" in line)


@pytest.mark.parametrize(
    ("level", "colour"),
    [("ok", ""), ("low", "\x1b[33m"), ("critical", "\x1b[31m"), ("overdrawn", "\x1b[31m")],
)
def test_colour_follows_the_level(level: Any, colour: str) -> None:
    account = CardView(reading(), level=level).text(styled=True).splitlines()[1]
    assert account.startswith(f"  Account  \x1b[1m{colour} 1,095.3996 credits left\x1b[0m")


def test_what_binds_is_bold() -> None:
    account, key = render_text(reading(token="3"), styled=True).splitlines()[1:]
    assert "\x1b[1m" not in account
    assert "\x1b[1m" in key


def test_a_terminal_gets_colour() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(ours), os.fdopen(theirs, "w") as terminal:
        assert may_style(terminal, {"TERM": "xterm"})
        assert not may_style(terminal, {"TERM": "dumb"})
        assert not may_style(terminal, {"NO_COLOR": "1", "FORCE_COLOR": "1"})
        # no-color.org: only a value that is not empty counts.
        assert may_style(terminal, {"NO_COLOR": ""})


def test_a_file_gets_colour_if_forced() -> None:
    file = io.StringIO()
    assert not may_style(file, {"TERM": "xterm"})
    assert may_style(file, {"FORCE_COLOR": "1"})
    assert not may_style(None, {})
    file.close()
    assert not may_style(file, {})
