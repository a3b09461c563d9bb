"""What each word of confidence is worth, on accounts of every kind.

``python -m tests.metering.attribution.truth_table [SCRIPTS] [SEED]`` prints it.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from evolink_nb.credits import difference
from tests.support.cell_plans import GUARDS
from tests.support.cell_scripts import Cell, Script, scripts

if TYPE_CHECKING:
    from evolink_nb.metering.cost import Cost

COUNT = 2_000
WORDS = ("confirmed", "clean", "shared", "unsettled", "inconsistent", "unknown")


def is_right(cell: Cell) -> bool:
    """Return whether the figure in the end is the true one."""
    return cell.cost.credits is not None and difference(cell.cost.credits, cell.true) == 0


def is_soon_sure(cell: Cell) -> bool:
    """Return whether the figure is sure, and was so within 20 s."""
    is_sure = cell.cost.settled and cell.cost.confidence in {"clean", "confirmed"}
    return is_sure and cell.final_at - cell.ends <= 20


def is_undisturbed(script: Script, cell: Cell) -> bool:
    """Return whether a cell that spent ran alone in time, where calls settle late or counters are batched."""
    return script.style == "isolated" and script.kind in {"settles later", "batches"} and cell.true > 0


def has_true_total(script: Script) -> bool:
    """Return whether sums can be known: not where others spend with the key, or what it spent comes back."""
    return script.kind not in {"same key elsewhere", "very late", "refunds", "resets"}


def excuse_of(script: Script, cell: Cell) -> str:
    """Return why no reading can tell that a cost is wrong; empty if one can, or if receipts should have."""
    if cell.cost.confidence == "confirmed":
        return ""
    if script.kind == "very late" and cell.quiet < max(script.account.lags.values()):
        return "later than the quiet time, and not seen to be yet"
    if script.kind == "same key elsewhere" and cell.cost.confidence == "clean":
        return "the same key spent elsewhere"
    if script.has_cancelled(cell):
        return "a charge, and what another call got back, looked like less or nothing in one reading"
    return ""


def main(count: int = COUNT, seed: int = 0) -> int:
    """Print the table, and return how many costs are wrong without an excuse."""
    played = [script.play() for script in scripts(count, seed)]
    cells = [(script, cell) for script in played for cell in script.cells]
    table: Counter[tuple[str, bool]] = Counter((cell.cost.confidence, is_right(cell)) for _, cell in cells)
    print(f"{len(played)} scripts from {seed}, {len(cells)} cells and meters")
    for word in WORDS:
        print(f"{word:13} right {table[word, True]:6} wrong {table[word, False]:6}")
    print("wrong where they are said to be right:")
    wrong = Counter(
        (cell.cost.confidence, excuse_of(script, cell) or f"NO EXCUSE: {script}")
        for script, cell in cells
        if is_sure(cell.cost) and not is_right(cell)
    )
    zeros = Counter(
        ("settled 0", excuse_of(script, cell) or f"NO EXCUSE: {script}")
        for script, cell in cells
        if cell.first is not None and is_sure(cell.first) and not cell.first.credits and cell.true
    )
    for (word, why), number in (wrong + zeros).most_common():
        print(f"  {word:9} {number:4} {why}")
    return _print_sums(played) + sum(why.startswith("NO") for _, why in wrong + zeros)


def is_sure(cost: Cost) -> bool:
    """Return whether a cost is said to be right."""
    return cost.confidence in {"clean", "confirmed"}


def _print_sums(played: Sequence[Script]) -> int:
    groups = Counter((has_true_total(script), right) for script in played for right in script.groups())
    print(f"groups: right {groups[True, True]}, wrong {groups[True, False]}", end="; ")
    print(f"where sums can't be known: right {groups[False, True]}, wrong {groups[False, False]}")
    off = [script for script in played if has_true_total(script) and script.missing()]
    print(f"totals that are off: {len(off)}")
    _print_speed(played)
    return groups[True, False] + len(off)


def _print_speed(played: Sequence[Script]) -> None:
    lonely = [(s, cell) for s in played for cell in s.cells if is_undisturbed(s, cell)]
    apart = [cell for _, cell in lonely if not cell.has_both]
    print("undisturbed, settling in 2-8 s or batches of 5 s: sure within 20 s")
    print(f"  {sum(map(is_soon_sure, apart))} of {len(apart)}", end="; ")
    print(f"with cells some of whose calls have receipts: {_soon(cell for _, cell in lonely)}")
    for guard in GUARDS:
        print(f"  {guard:9} {_soon(cell for script, cell in lonely if script.guard == guard)}")
    told = [cell for s, cell in lonely if s.guard == "guarded" and cell.as_reserved]
    print(
        f"  settled as reserved, all guarded: {sum(c.cost.confidence == 'confirmed' for c in told)}", end=" "
    )
    print(f"of {len(told)} confirmed")
    for kind in ("prompt", "settles later", "batches", "late together"):
        requests = Counter(
            cell.requests
            for script in played
            if script.kind == kind and script.style == "isolated"
            for cell in script.cells
        )
        print(f"requests for a cell, {kind}: {dict(sorted(requests.items()))}")


def _soon(cells: Iterable[Cell]) -> str:
    found = list(cells)
    return f"{sum(map(is_soon_sure, found))} of {len(found)}"


if __name__ == "__main__":
    sys.exit(main(*(int(each) for each in sys.argv[1:])) > 0)
