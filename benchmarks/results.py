"""What was measured, as it is kept in a file: each question with its date and versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .ratio import Comparison

PUBLISHED = Path(__file__).parent / "results.json"
"""The figures that README and the documentation quote."""


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        question: What was measured, with its unit, in Markdown.
        median: The figure of the round in the middle.
        low: Where the middle half of all rounds begins.
        high: Where it ends.
        target: The most that the figure may be.
        name: What README calls it by; empty if it doesn't quote it.
    """

    question: str
    median: float
    low: float
    high: float
    target: float
    name: str = ""

    @classmethod
    def of(cls, comparison: Comparison) -> Row:
        """Return the figure that a comparison comes to."""
        low, high = (_short(quarter) for quarter in comparison.middle_half)
        return cls(
            comparison.question, _short(comparison.median), low, high, comparison.target, comparison.name
        )

    @property
    def holds(self) -> bool:
        """Whether it meets its target."""
        return self.median <= self.target


@dataclass(frozen=True)
class Answer:
    """What one question came to.

    Attributes:
        date: The day it was measured, as ``YYYY-MM-DD``.
        versions: What it was measured with.
        rows: Its figures.
    """

    date: str
    versions: dict[str, str]
    rows: list[Row]


Results = dict[str, Answer]
"""The answers by the names of their questions."""


def load(path: Path) -> Results:
    """Return the results that a file holds.

    Args:
        path: The file.
    """
    return {
        question: Answer(answer["date"], answer["versions"], [Row(**row) for row in answer["rows"]])
        for question, answer in json.loads(path.read_text(encoding="utf-8")).items()
    }


def save(results: Mapping[str, Answer], path: Path) -> None:
    """Write results to a file.

    Args:
        results: The results.
        path: The file.
    """
    told = {question: asdict(answer) for question, answer in results.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _short(number: float) -> float:
    """Return a number without the digits that no second run would have."""
    return float(f"{number:.4g}")
