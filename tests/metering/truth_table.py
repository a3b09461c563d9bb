"""python -m tests.metering.truth_table: what each word of confidence is worth, on accounts of every kind."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence

from evolink_nb.credits import difference
from tests.support.cell_scripts import GUARDS, Cell, Script, scripts

COUNT = 2_000
WORDS = ("confirmed", "clean", "shared", "unsettled", "inconsistent", "unknown")


def is_right(cell: Cell) -> bool:
    """Return whether the figure in the end is the true one."""
    return cell.cost.credits is not None and difference(cell.cost.credits, cell.true) == 0


def is_soon_sure(cell: Cell) -> bool:
    """Return whether the figure is sure, and was so within 20 s."""
    is_sure = cell.cost.settled and cell.cost.confidence in {"clean", "confirmed"}
    return is_sure and cell.final_at - cell.ends <= 20


def main(count: int = COUNT) -> None:
    """Print the table."""
    played = [script.play() for script in scripts(count)]
    cells = [(script, cell) for script in played for cell in script.cells]
    table: Counter[tuple[str, bool]] = Counter((cell.cost.confidence, is_right(cell)) for _, cell in cells)
    print(f"{len(played)} scripts, {len(cells)} cells")
    for word in WORDS:
        print(f"{word:13} right {table[word, True]:6} wrong {table[word, False]:6}")
    print("wrong where they are said to be right:")
    wrong = Counter(
        (cell.cost.confidence, script.kind, script.account.has_cancelled)
        for script, cell in cells
        if cell.cost.confidence in {"clean", "confirmed"} and not is_right(cell)
    )
    for (word, kind, has_cancelled), number in wrong.most_common():
        why = "a charge and another call's return cancelled between two readings" if has_cancelled else ""
        print(f"  {word:9} {kind:20} {number:3} {why}")
    _print_groups(played)
    _print_speed(played)


def _print_groups(played: Sequence[Script]) -> None:
    groups = Counter(
        (script.kind in {"same key elsewhere", "very late", "refunds"}, right)
        for script in played
        for right in script.groups()
    )
    print(f"groups: right {groups[False, True]}, wrong {groups[False, False]}", end="; ")
    print(f"spent elsewhere, refunded or very late: right {groups[True, True]}, wrong {groups[True, False]}")


def _print_speed(played: Sequence[Script]) -> None:
    lonely = [
        (script, cell)
        for script in played
        if script.style == "isolated" and script.kind in {"settles later", "batches"}
        for cell in script.cells
        if cell.true
    ]
    print("settling in 2-8 s, or batches: sure within 20 s")
    for guard in GUARDS:
        of_kind = [cell for script, cell in lonely if script.guard == guard]
        told = [cell for cell in of_kind if "more than the receipts" not in cell.cost.reason]
        beyond = len(of_kind) - len(told)
        print(f"  {guard:9} {sum(map(is_soon_sure, told))} of {len(told)}; above their receipts: {beyond}")
    for kind in ("prompt", "settles later", "batches", "late together"):
        requests = Counter(
            cell.requests
            for script in played
            if script.kind == kind and script.style == "isolated"
            for cell in script.cells
        )
        print(f"requests for a cell, {kind}: {dict(sorted(requests.items()))}")
    totals = Counter(script.kind for script in played if script.style != "isolated" and not script.adds_up())
    print(f"totals that are off: {dict(totals)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
