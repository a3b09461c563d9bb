"""What the options of the magics take, and what a wrong one is told."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.notebook import arguments


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (arguments.positive, "0.5", 0.5),
        (arguments.seconds, "0", 0.0),
        (arguments.credits, "5", Decimal(5)),
        (arguments.credits, "0.10", Decimal("0.10")),
        (arguments.limit, "50", "50"),
        (arguments.limit, "2h", "2h"),
        (arguments.name, "cost", "cost"),
        (arguments.label, "judge", "judge"),
        (arguments.label, "'train the judge'", "train the judge"),
        (arguments.unquoted, "'my bill.csv'", "my bill.csv"),
        (arguments.unquoted, "bill.csv", "bill.csv"),
        (arguments.unquoted, "'", "'"),
    ],
)
def test_good_value_is_read(read: Callable[[str], object], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "complaint"),
    [
        (arguments.positive, "soon", "'soon' is not a number above 0: write 10 or 0.5"),
        (arguments.positive, "0", "'0' is not a number above 0: write 10 or 0.5"),
        (arguments.positive, "nan", "'nan' is not a number above 0: write 10 or 0.5"),
        (arguments.positive, "inf", "'inf' is not a number above 0: write 10 or 0.5"),
        (arguments.seconds, "-1", "'-1' is not a number of seconds: write 30 or 0.5"),
        (arguments.seconds, "a day", "'a day' is not a number of seconds: write 30 or 0.5"),
        (arguments.credits, "0", "'0' is not a number of credits above 0: write 5 or 0.5"),
        (arguments.credits, "1_0", "'1_0' is not a number of credits above 0: write 5 or 0.5"),
        (arguments.credits, "٣", "'٣' is not a number of credits above 0: write 5 or 0.5"),
        (arguments.credits, ".", "'.' is not a number of credits above 0: write 5 or 0.5"),
        (arguments.limit, "abc", "'abc' is not a limit: write 50 or 2h"),
        (arguments.limit, "0", "'0' is not a limit: write 50 or 2h"),
        (arguments.label, "''", "\"''\" is not a name: write train or 'train the judge'"),
        (arguments.label, "\x1b[1m", "'\\x1b[1m' is not a name: write train or 'train the judge'"),
        (arguments.name, "7up", "'7up' is not the name of a variable: write cost or cost_2"),
        (arguments.name, "class", "'class' is not the name of a variable: write cost or cost_2"),
    ],
)
def test_bad_value_is_told_what_to_write(read: Callable[[str], object], text: str, complaint: str) -> None:
    with pytest.raises(ArgumentTypeError) as refused:
        read(text)
    assert str(refused.value) == complaint


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (arguments.positive, arguments.seconds, arguments.credits):
        try:
            number = read(text)
        except ArgumentTypeError:
            continue
        assert number >= 0
        assert math.isfinite(number)
