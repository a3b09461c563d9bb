"""Ours against a peer: rounds of one then the other, and their ratio."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """One figure of a question: a ratio, or a number with a unit, for every round, and the most it may be.

    Attributes:
        question: What was measured, with its unit at the end, in Markdown.
        ratios: The number of each round.
        target: The most that the middle one may be.
        name: What README calls it by; empty if README doesn't quote it.
    """

    question: str
    ratios: list[float]
    target: float
    name: str = ""

    @property
    def median(self) -> float:
        """The ratio in the middle."""
        return statistics.median(self.ratios)

    @property
    def middle_half(self) -> tuple[float, float]:
        """The quarters between which half of the ratios are."""
        if len(self.ratios) < 2:
            return self.median, self.median
        low, _, high = statistics.quantiles(self.ratios, n=4, method="inclusive")
        return low, high

    @property
    def holds(self) -> bool:
        """Whether the middle ratio meets the target."""
        return self.median <= self.target


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


def part(rounds: int, share: float) -> int:
    """Return a share of a number of rounds, one at least.

    Args:
        rounds: The number that makes a figure stable.
        share: From 0, to see that all of it runs, to 1.
    """
    return max(round(rounds * share), 1)
