"""What a cell cost in one line: the figure, how sure it is, and what that means for the next run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from evolink_nb.credits import Credits
from evolink_nb.demo import Account
from evolink_nb.metering.cost import Confidence, Cost
from evolink_nb.notebook.cost_line import CostLine

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


def test_a_settled_cost_says_all_that_people_ask_for() -> None:
    assert text(cost()) == (
        "1.36 credits (key) · settled in 2.1 s · 1,095.3996 left · about 69 more runs like this"
    )


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (cost("1"), "1 credit (key)"),
        (cost("1234.5"), "1,234.5 credits (key)"),
        (cost("0.00001"), "<0.0001 credits (key)"),
        (cost("0"), "nothing spent"),
        (cost("2", token=None), "2 credits (account)"),
    ],
)
def test_the_figure_comes_first(what: Cost, said: str) -> None:
    assert text(what).split(" · ")[0] == said


def test_while_it_settles_it_says_so_and_foretells_nothing() -> None:
    unsettled = cost(confidence="unsettled", reason="the readings still move")
    assert text(unsettled, settling=True) == "1.36 credits (key) · settling … · 1,095.3996 left"


def test_before_the_first_reading_there_is_no_figure() -> None:
    assert text(Cost(), settling=True, left=None, runs=None) == "reading the balance …"


def test_an_unknown_cost_says_why_and_is_no_zero() -> None:
    unknown = Cost(reason="the balance could not be read: No answer.")
    line = CostLine(unknown, settling=False)
    assert line.text() == "cost unknown: the balance could not be read: No answer."
    assert "data-value" not in line.html()


@pytest.mark.parametrize("confidence", ["shared", "unsettled", "inconsistent"])
def test_a_doubt_is_said_with_its_reason(confidence: Confidence) -> None:
    line = text(cost(confidence=confidence))
    assert f"{confidence}: as the test says" in line
    assert ("settled in 2.1 s" in line) == (confidence == "shared")


def test_what_others_spent_and_what_was_added_is_said_where_it_is_known() -> None:
    both = cost(confidence="shared", others=Decimal(4), topped_up=Decimal(100))
    assert "4 by others on the account · topped up by 100" in text(both)
    unsure = replace(both, confidence="inconsistent")
    assert "others" not in text(unsure)
    assert "topped up" not in text(unsure)


def test_one_run_is_one_and_none_is_said_too() -> None:
    assert text(cost(), runs=1).endswith("about 1 more run like this")
    assert text(cost(), runs=0).endswith("about 0 more runs like this")
    assert text(cost(), runs=None).endswith("1,095.3996 left")


def test_the_html_is_the_same_text_with_its_facts_as_attributes() -> None:
    hostile = cost(reason='<b onload="alert(1)">', confidence="shared")
    html = CostLine(hostile, settling=False, left=LEFT).html()
    assert "<b" not in html
    for fact in ('data-value="1.36"', 'data-settled="true"', 'data-confidence="shared"'):
        assert fact in html
    assert html.startswith('<div class="evolink-cost"')
    assert html.count(">") == 2


def test_plain_text_has_no_sign_that_a_terminal_may_not_know() -> None:
    overdrawn = replace(LEFT, user=replace(LEFT.user, remaining=Decimal(-5)))
    assert "-5 left" in text(cost(), left=overdrawn)
    assert "\N{MINUS SIGN}5 left" in CostLine(cost(), settling=False, left=overdrawn).html()
