"""Figures with their targets, as the programs beside it print them."""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """What was measured.

    Attributes:
        name: What it is.
        found: How much was found.
        most: The most that it may be; None for no target.
        unit: What it counts.
    """

    name: str
    found: float
    most: float | None = None
    unit: str = ""

    @property
    def is_missed(self) -> bool:
        """Whether it is more than it may be."""
        return self.most is not None and not self.found <= self.most

    def __str__(self) -> str:
        text = f"{self.name}: {self.found:.4g}{self.unit}"
        if self.most is None:
            return text
        return f"{text} (at most {self.most:g}{self.unit}){': MISSED' if self.is_missed else ''}"


def report(title: str, figures: list[Figure]) -> int:
    """Print figures, and return the exit code: 1 if a target is missed.

    Args:
        title: What was done.
        figures: What was measured.
    """
    sys.stdout.write("\n  ".join([title, *map(str, figures)]) + "\n")
    return int(any(figure.is_missed for figure in figures))
