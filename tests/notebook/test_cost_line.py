"""What a cell cost in one line: the figure, its confidence, and what that means for the next run."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Context, Decimal
from html import escape, unescape
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.credits import Credits
from evolink_nb.demo import Account
from evolink_nb.metering.cost import Confidence, Cost
from evolink_nb.notebook.cost_line import CostLine, more_runs, short_reason

LEFT = Credits.from_dict({"data": Account().balance()}, read_at=datetime(2026, 1, 1, tzinfo=UTC))


def cost(credits: str = "1.36", confidence: Confidence = "clean", **rest: Any) -> Cost:
    amount, none = Decimal(credits), Decimal(0)
    values: dict[str, Any] = {
        "token": amount,
        "user": amount,
        "others": none,
        "topped_up": none,
        "settled": confidence in {"clean", "shared"},
        "confidence": confidence,
        "reason": "as the test says",
    }
    return Cost(**(values | rest))


def text(cost: Cost, **rest: Any) -> str:
    return CostLine(cost, **{"settling": False, "settled_in": 2.12, "left": LEFT, "runs": 69, **rest}).text()


def test_settled_cost_says_it_all() -> None:
    assert text(cost()) == (
        "1.36 credits · settled in 2.1 s · 1,095.3996 left · about 69 more runs like this"
    )


def test_negative_figure_is_no_cost() -> None:
    """Earlier calls settled for less meanwhile: what came back is said, and nothing of what this cost."""
    line = text(cost("-5.2", "inconsistent"), runs=None)
    assert line.startswith("cost unknown: 5.2 credits returned · ")
    assert "-5.2" not in line


@pytest.mark.parametrize(("seconds", "said"), [(0.0, False), (0.99, False), (1.0, True)])
def test_short_settling_is_not_said(seconds: float, said: bool) -> None:
    assert ("settled" in text(cost(), settled_in=seconds)) == said


@pytest.mark.parametrize(
    ("what", "figure"),
    [
        (cost("1"), "1 credit"),
        (cost("1234.5"), "1,234.5 credits"),
        (cost("0.00001"), "<0.0001 credits"),
        (cost("0"), "nothing spent"),
        (cost("2", token=None), "2 credits by the account"),
    ],
)
def test_figure_comes_first(what: Cost, figure: str) -> None:
    assert text(what).split(" · ")[0] == figure


def test_settling_line_foretells_nothing() -> None:
    unsettled = cost(confidence="unsettled", reason="the readings are still changing")
    assert text(unsettled, settling=True) == "1.36 credits · settling … · 1,095.3996 left"


def test_no_figure_before_first_reading() -> None:
    assert text(Cost(), settling=True, left=None, runs=None) == "reading the balance …"


def test_unknown_cost_is_no_zero() -> None:
    unknown = Cost(reason="the balance could not be read: No answer.")
    line = CostLine(unknown, settling=False)
    assert line.text() == "cost unknown: the balance could not be read: No answer."
    assert "data-value" not in line.html()


@pytest.mark.parametrize("confidence", ["shared", "unsettled", "inconsistent"])
def test_doubt_is_said_with_its_reason(confidence: Confidence) -> None:
    line = text(cost(confidence=confidence))
    assert f"{confidence}: as the test says" in line
    assert ("settled in 2.1 s" in line) == (confidence == "shared")


def test_known_others_and_top_ups_are_said() -> None:
    both = cost(confidence="shared", others=Decimal(4), topped_up=Decimal(100))
    assert "4 by others on the account · topped up by 100" in text(both)
    unsure = replace(both, confidence="inconsistent")
    assert "others" not in text(unsure)
    assert "topped up" not in text(unsure)


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        (0, "not enough for another run like this"),
        (1, "about 1 more run like this"),
        (69, "about 69 more runs like this"),
        (999_999, "about 999,999 more runs like this"),
        (1_000_000, "about 1 M more runs like this"),
        (3_651_331, "about 3.6 M more runs like this"),
        (10**12 + 99_999, "about 1,000,000 M more runs like this"),
    ],
)
def test_runs_left_are_said_shortly(runs: int, words: str) -> None:
    assert more_runs(runs, "like this") == words
    assert text(cost(), runs=runs).endswith(f" left · {words}")


def test_runs_not_known_are_not_said() -> None:
    assert text(cost(), runs=None).endswith("1,095.3996 left")


@given(st.integers(min_value=1_000_000))
def test_runs_left_are_never_rounded_up(runs: int) -> None:
    millions = Decimal(more_runs(runs, "").split()[1].replace(",", ""))
    # In decimal, exactly: the number may be longer than a float can say.
    assert 0 <= runs - int(millions.scaleb(6, Context(prec=10_000))) < 100_000


def words_of(html: str) -> str:
    """What is left of a line without its markup."""
    return unescape(re.sub("<[^>]*>", "", html))


@pytest.mark.parametrize("confidence", get_args(Confidence))
@pytest.mark.parametrize("settling", [False, True])
def test_html_is_the_same_text_with_facts(confidence: Confidence, settling: bool) -> None:
    line = CostLine(cost(confidence=confidence, others=Decimal(4)), settling=settling, left=LEFT, runs=3)
    html = line.html()
    assert words_of(html) == line.text()
    settled = "true" if line.cost.settled else "false"
    for fact in ('data-value="1.36"', f'data-settled="{settled}"', f'data-confidence="{confidence}"'):
        assert fact in html
    assert html.startswith('<div class="evolink-cost"')
    assert '<span style="font-weight: 600">1.36 credits</span>' in html


def test_a_hostile_reason_is_only_text() -> None:
    reason = '<b onload="alert(1)">'
    html = CostLine(cost(reason=reason, confidence="shared"), settling=False, left=LEFT).html()
    assert "<b" not in html
    assert f'title="{escape(reason)}"' in html
    assert f"shared: {reason}" in words_of(html)


@pytest.mark.parametrize(
    ("reason", "short"),
    [
        ("others, or earlier calls, spent on the account meanwhile", None),
        (
            "the key's own counter does not move: this is what the whole account spent",
            "the key's own counter does not move …",
        ),
        ("x" * 61, "x" * 59 + " …"),
        (
            "the work went on for longer than anybody had expected, and then, some",
            "the work went on for longer than anybody had expected, and …",
        ),
        ("", None),
    ],
)
def test_long_reason_shows_on_hover(reason: str, short: str | None) -> None:
    """The terminal, which has no hover, shows all of it."""
    assert short_reason(reason) == (reason if short is None else short)
    line = CostLine(cost(reason=reason, confidence="shared"), settling=False)
    assert f"shared: {short_reason(reason)}" in words_of(line.html())
    assert f'title="{escape(reason)}"' in line.html()
    assert f"shared: {reason}" in line.text()


def test_error_without_cost_shows_in_full() -> None:
    reason = "the balance could not be read: No answer.\nCheck the network."
    line = CostLine(cost(token=None, user=None, reason=reason, confidence="unknown"), settling=False)
    assert words_of(line.html()) == f"cost unknown: {reason}"


def test_dot_is_named_where_no_word_says_it() -> None:
    """Colour and shape are never all that tells."""
    for confidence in get_args(Confidence):
        line = CostLine(cost(confidence=confidence), settling=False)
        is_said = f" {confidence}" in line.text()
        assert ('aria-label="clean"' in line.html()) != is_said
    assert 'aria-label="clean"' not in CostLine(cost(), settling=True).html()


def test_plain_text_has_plain_signs() -> None:
    """A terminal may not know the sign for minus."""
    overdrawn = replace(LEFT, user=replace(LEFT.user, remaining=Decimal(-5)))
    assert "-5 left" in text(cost(), left=overdrawn)
    assert "\N{MINUS SIGN}5 left" in CostLine(cost(), settling=False, left=overdrawn).html()
