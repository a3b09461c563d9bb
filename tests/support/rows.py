"""Rows of work on an account, for property tests of the rules that say what each of it cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from evolink_nb.api.calls import Call
from evolink_nb.credits import total
from evolink_nb.metering.attribution.movements import Movement
from evolink_nb.metering.attribution.work import Work
from tests.support.readings import moved

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

IDENTITY = "account"
NOTHING = Decimal(0)

amounts = st.decimals("0.1", "9", places=1)
times = st.integers(0, 80).map(lambda halves: halves / 2)
"""Seconds: halves, so that sums are exact."""


@dataclass
class Made:
    """A row as it was made.

    Attributes:
        works: All work, in the order in which it began.
        movements: The movements, in the order in which they were seen.
    """

    works: list[Work]
    movements: list[Movement]

    @property
    def outermost(self) -> list[Work]:
        """The work that is part of no other."""
        return [work for work in self.works if work.outermost is work]

    @property
    def moved(self) -> Decimal:
        """The credits of all movements that can be any work's."""
        return total(each.key for each in self.movements if each.possible)


@st.composite
def calls(draw: DrawFn, work: Work) -> list[Call]:
    """Guarded calls made in work: some under way, some without a receipt."""
    made = []
    for _ in range(draw(st.integers(0, 2))):
        ended_at = draw(st.none() | times.map(lambda seconds: work.started + seconds))
        reserved = None if ended_at is None else draw(st.none() | amounts)
        made.append(Call(IDENTITY, work.started, ended_at, reserved))
    return made


@st.composite
def works(draw: DrawFn, *, max_size: int = 4, all_over: bool = False) -> list[Work]:
    """Work in the order in which it begins: measured or not, within other work, still running.

    Args:
        draw: Hypothesis's own.
        max_size: The most of it.
        all_over: Whether all of it, and all its calls, has ended.
    """
    made: list[Work] = []
    for number, started in enumerate(sorted(draw(st.lists(times, min_size=1, max_size=max_size)))):
        around = [each for each in made if each.ended is None or each.ended >= started]
        outer = draw(st.none() | st.sampled_from(around)) if around else None
        seconds = draw(times if all_over else st.none() | times)
        work = Work(
            started,
            enclosing=() if outer is None else (*outer.enclosing, outer),
            number=number,
            is_anonymous=draw(st.booleans()) and outer is None,
            is_tracked=draw(st.booleans()),
            ended=None if seconds is None else started + seconds,
            before=moved(0),
        )
        if outer is not None:
            outer.children.append(work)
        work.calls = draw(calls(work))
        if all_over:
            work.calls = [call for call in work.calls if call.ended_at is not None]
        made.append(work)
    return made


@st.composite
def rows(draw: DrawFn, *, all_over: bool = False, least: str = "-9") -> Made:
    """A row whose movements can each be of any of its work.

    Args:
        draw: Hypothesis's own.
        all_over: Whether all its work has ended.
        least: The smallest movement, in credits.
    """
    made = draw(works(all_over=all_over))
    movements = []
    spent, at = NOTHING, 0.0
    for _ in range(draw(st.integers(0, 4))):
        amount = draw(st.decimals(least, "9", places=1).filter(bool))
        candidates = draw(st.lists(st.sampled_from(made), unique=True))
        since, spent, at = moved(at, spent=spent), total((spent, amount)), at + 10
        movements.append(Movement(amount, amount, tuple(candidates), since, moved(at, spent=spent)))
    return Made(made, movements)
