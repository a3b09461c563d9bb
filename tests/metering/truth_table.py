"""python -m tests.metering.truth_table: what each word of confidence is worth, on accounts of every kind."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence

from evolink_nb.credits import difference
from tests.support.cell_scripts import Cell, Script, scripts

COUNT = 2_000
WORDS = ("confirmed", "clean", "shared", "unsettled", "inconsistent", "unknown")


def is_right(cell: Cell) -> bool:
    """Return whether the figure in the end is the true one."""
    return cell.cost.credits is not None and difference(cell.cost.credits, cell.true) == 0


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
        (cell.cost.confidence, script.kind)
        for script, cell in cells
        if cell.cost.confidence in {"clean", "confirmed"} and not is_right(cell)
    )
    for (word, kind), number in wrong.most_common():
        print(f"  {word:9} {kind:20} {number}")
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
    fast = [
        cell
        for _, cell in lonely
        if cell.cost.settled
        and cell.final_at - cell.ends <= 20
        and cell.cost.confidence in {"clean", "confirmed"}
    ]
    print(f"settling in 2-8 s, or batches: {len(fast)} of {len(lonely)} sure within 20 s")
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
