"""Ours against a peer: rounds of one then the other, and their ratio."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """One question's answer: a ratio for every round, and the most it should be."""

    question: str
    ratios: list[float]
    target: float

    @property
    def median(self) -> float:
        """The ratio in the middle."""
        return statistics.median(self.ratios)

    @property
    def holds(self) -> bool:
        """Whether the middle ratio meets the target."""
        return self.median <= self.target

    def line(self, width: int) -> str:
        """Return one row of the table, its question padded to a width in characters."""
        low, _, high = statistics.quantiles(self.ratios, n=4) if len(self.ratios) > 1 else self.ratios * 3
        verdict = "holds" if self.holds else "MISSED"
        spread = f"{low:.3f} to {high:.3f}"
        return f"{self.question:<{width}}  {self.median:.3f}  ({spread})  target {self.target:g}  {verdict}"


def alternate(ours: Callable[[], float], peer: Callable[[], float], *, rounds: int) -> list[float]:
    """Return the ratio of each round; who goes first changes, so that neither profits from the other.

    Args:
        ours: Returns the seconds, or bytes, that ours took.
        peer: Returns the same of the peer.
        rounds: How often both are measured.
    """
    ratios = []
    for number in range(rounds):
        if number % 2:
            theirs, mine = peer(), ours()
        else:
            mine, theirs = ours(), peer()
        ratios.append(mine / theirs)
    return ratios
