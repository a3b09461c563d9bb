"""What each word of confidence is worth, on accounts of every kind; `truth_table` prints it in full."""

from __future__ import annotations

from functools import cache

import pytest

from evolink_nb.metering.attribution.receipts import NO_CHARGE
from tests.metering.attribution.truth_table import (
    excuse_of,
    has_true_total,
    is_right,
    is_soon_sure,
    is_sure,
    is_undisturbed,
)
from tests.support.cell_scripts import Script, scripts

SCRIPTS = 360
"""One of each kind of account, of cells and of calls."""
REFUNDS_WITHIN_CELLS = (11_009, 177_682, 975_448)
"""Where one comes just as a cell's call settles, where a cell's charges outweigh one, and where the account
rests once more within the cell."""


@cache
def played(seed: int) -> list[Script]:
    return [script.play() for script in scripts(SCRIPTS, seed)]


@pytest.mark.parametrize("seed", [0, *REFUNDS_WITHIN_CELLS])
def test_sure_costs_are_true(seed: int) -> None:
    """None but where the docstring of `cost` says that nobody can know."""
    wrong = [
        (script, cell.cost)
        for script in played(seed)
        for cell in script.cells
        if is_sure(cell.cost) and not is_right(cell) and not excuse_of(script, cell)
    ]
    assert wrong == []


def test_no_settled_zero_is_wrong() -> None:
    """Nor said to be final before the account has rested."""
    wrong = [
        (script, cell.first)
        for script in played(0)
        for cell in script.cells
        if cell.first is not None and cell.first.settled and not cell.first.credits and cell.true
        if is_sure(cell.first) and not excuse_of(script, cell)
    ]
    assert wrong == []


def test_a_lag_is_learned_once_seen() -> None:
    """Before that a very late charge may be missed; then the cost is amended by the next reading."""
    amended = 0
    for script in isolated(300, "very late"):
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
    sums = [right for script in played(0) if has_true_total(script) for right in script.groups()]
    assert len(sums) > 50
    assert all(sums)


def test_no_credit_is_lost_or_doubled() -> None:
    """All that the key spent is in the costs, or was spent while nothing ran."""
    assert [script for script in played(0) if has_true_total(script) and script.missing()] == []


def isolated(seed: int, *kinds: str) -> list[Script]:
    """Cells that each run alone in time."""
    many = (script for script in scripts(8 * SCRIPTS, seed) if script.style == "isolated")
    return [script.play() for script in many if script.kind in kinds]


def test_undisturbed_cells_are_soon_sure() -> None:
    """With settle delays of 2 to 8 s and batches of 5 s; calls that settle as reserved are confirmed."""
    played = isolated(600, "settles later", "batches")
    cells = [(script, cell) for script in played for cell in script.cells if is_undisturbed(script, cell)]
    for script, cell in cells:
        if script.guard == "guarded" and cell.as_reserved:
            assert cell.cost.confidence == "confirmed", (script, cell.cost)
    # Where some calls have receipts and some don't, nobody can say whose the others were.
    told = [cell for _, cell in cells if not cell.has_both]
    assert len(told) > 100
    assert sum(map(is_soon_sure, told)) >= 0.95 * len(told)


def test_a_cell_makes_few_requests() -> None:
    """At most 12; on a prompt account 9, unless a charge is still waited for."""
    assert max(cell.requests for s in isolated(700, "settles later", "batches") for cell in s.cells) <= 12
    prompt = [(script.guard, cell) for script in isolated(700, "prompt") for cell in script.cells]
    known = [(guard, cell) for guard, cell in prompt if cell.cost.reason != NO_CHARGE]
    assert max(cell.requests for guard, cell in known if guard != "guarded") <= 9
    assert max(cell.requests for _, cell in prompt) <= 12
    confirmed = [cell for guard, cell in known if guard == "guarded" and cell.cost.confidence == "confirmed"]
    assert min(cell.requests for cell in confirmed) == 2
