"""A reading as people read it: printed, and in notebooks that don't have the extension's card."""

from __future__ import annotations

import re

import pytest
from marimo._output.formatting import try_format

from tests.support.clock import BEGINNING
from tests.support.readings import reading


def test_print_says_what_is_left() -> None:
    local = f"{BEGINNING.astimezone():%Y-%m-%d %H:%M:%S %Z}"
    assert str(reading()) == (
        f"1,095.3996 credits left · account 1,095.3996 · API key 99,416.4429 (read {local})"
    )
    assert f"{reading(token='1')}".startswith("1 credit left · account 1,095.3996 · API key 1 (")
    unlimited = str(reading(unlimited=True, simulated=True))
    assert f"API key no limit of its own (demo data, read {local})" in unlimited
    assert str(reading(user="-5")).startswith("overdrawn by 5 credits · account -5 · ")


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("135.90479999999999", "135.9048"), ("1e-17", "0"), ("0.00001", "0.00001"), ("1E+6", "1,000,000")],
)
def test_print_shows_no_dust(amount: str, shown: str) -> None:
    """What a gateway that computes in doubles adds is no amount; what a call may cost is."""
    assert f" account {shown} · " in str(reading(user=amount))


def test_marimo_shows_a_table() -> None:
    """As do other notebooks without the extension."""
    shown = try_format(reading(simulated=True))
    assert shown.mimetype == "text/html"
    words = " ".join(re.sub("<[^>]*>", " ", shown.data).split())
    assert words.startswith("EvoLink credits (demo data) · read 2026-")
    assert words.endswith("Account 1,095.3996 left 135.9048 used API key 99,416.4429 left 583.5571 used")
    assert 'font-weight: 600">1,095.3996' in shown.data
