"""What each word of confidence is worth, on accounts of every kind; `truth_table` prints it in full."""

from __future__ import annotations

import random
from functools import cache

import pytest

from tests.metering.truth_table import is_right
from tests.support.cell_scripts import Script, scripts

SCRIPTS = 270
"""Two of each kind of account, of cells and of calls."""


@cache
def played(seed: int) -> list[Script]:
    return [script.play() for script in scripts(SCRIPTS, seed)]


@pytest.mark.parametrize("seed", [0, 100, None])
def test_sure_costs_are_true(seed: int | None) -> None:
    """None but where the docstring of `cost` says that nobody can know."""
    wrong = [
        (script, cell.cost)
        for script in played(random.randrange(10**6) if seed is None else seed)  # noqa: S311 - no secret
        for cell in script.cells
        if cell.cost.confidence in {"clean", "confirmed"}
        if not is_right(cell) and not is_excused(script, cell.cost.confidence)
    ]
    assert wrong == []


def is_excused(script: Script, word: str) -> bool:
    """Whether no reading can tell: on an account later than the quiet time, or by coincidence."""
    if script.account.has_cancelled or script.kind == "very late":
        return True
    return word == "clean" and script.kind == "same key elsewhere"


def test_no_settled_zero_is_wrong() -> None:
    """Nor said to be final before the account has rested."""
    wrong = [
        (script, cell.first)
        for script in played(200)
        for cell in script.cells
        if cell.first is not None and cell.first.settled and not cell.first.credits and cell.true
        if cell.first.confidence in {"clean", "confirmed"}
        if not is_excused(script, "clean")
    ]
    assert wrong == []


def test_a_lag_is_learned_once_seen() -> None:
    """Before that a very late charge may be missed; then the cost is amended by the next reading."""
    amended = 0
    for script in (script for script in played(300) if script.kind == "very late"):
        if script.style != "isolated":
            continue
        lag = max(script.account.lags.values())
        known = False
        for cell in script.cells:
            if known:
                assert is_right(cell), (script, cell.cost)
            elif cell.first is not None and cell.first != cell.cost and cell.true:
                assert is_right(cell), (script, cell.cost)
                amended += 1
            known = known or script.row.quiet.seconds > lag
    assert amended


def test_groups_have_true_sums() -> None:
    """What can't be told apart is known together."""
    sums = [
        right
        for script in played(400)
        if script.kind not in {"same key elsewhere", "very late", "refunds", "resets"}
        if not script.account.has_cancelled
        for right in script.groups()
    ]
    assert len(sums) > 50
    assert all(sums)


def test_no_credit_is_lost_or_doubled() -> None:
    """All that the key spent is in the costs, or was spent while nothing ran."""
    off = [
        script
        for script in played(500)
        if script.kind not in {"same key elsewhere", "very late", "refunds", "resets"}
        if not script.adds_up()
    ]
    assert off == []


def test_undisturbed_cells_are_soon_sure() -> None:
    """With settle delays of 2 to 8 s and batches of 5 s; calls that settle as reserved are confirmed."""
    cells = [
        (script, cell)
        for script in played(600)
        if script.style == "isolated" and script.kind in {"settles later", "batches"}
        for cell in script.cells
        if cell.true
    ]
    for script, cell in cells:
        if script.guard == "guarded" and cell.as_reserved:
            assert cell.cost.confidence == "confirmed", (script, cell.cost)
    # Where some calls have receipts and some don't, nobody can say whose the others were.
    told = [cell for script, cell in cells if script.guard != "mixed"]
    sure = [
        cell
        for cell in told
        if cell.cost.confidence in {"clean", "confirmed"} and cell.final_at - cell.ends <= 20
    ]
    assert len(sure) >= 0.95 * len(told)


def test_a_cell_makes_few_requests() -> None:
    cells = [(s, cell) for s in played(700) if s.style == "isolated" for cell in s.cells]
    assert max(cell.requests for _, cell in cells) <= 12
    prompt = [
        cell.requests for script, cell in cells if script.kind == "prompt" and script.guard != "guarded"
    ]
    assert max(prompt) <= 9
    confirmed = [cell for script, cell in cells if script.kind == "prompt" and script.guard == "guarded"]
    assert min(cell.requests for cell in confirmed if cell.cost.confidence == "confirmed") == 2
