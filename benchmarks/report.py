"""The results as people read them: a table, and the sentences of README. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .results import Answer, Row

HEAD = "| what | measured | middle half | target | |\n|---|--:|--:|--:|---|\n"
COMMAND = "make bench"


def table(results: Mapping[str, Answer]) -> str:
    """Return all figures as a table in Markdown, with when and on what they were measured below it.

    Args:
        results: The results.
    """
    lines = "".join(_line(row) for answer in results.values() for row in answer.rows)
    return f"{HEAD}{lines}\n{_measured(results)}\n"


def sentences(results: Mapping[str, Answer]) -> str:
    """Return README's paragraph about what this package adds to one's work.

    Args:
        results: The results of every question that it quotes.
    """
    found = {row.name: row for answer in results.values() for row in answer.rows if row.name}
    figures = {name.replace("-", "_"): row.median for name, row in found.items()}
    return f"{_SENTENCES.format(**figures)} {_measured(results)}"


_SENTENCES = (
    "`%load_ext evolink_nb` takes {loading:.0%} of the time of `import ipywidgets, requests`, and a warm"
    " `get_credits()` {reading:.0%} of a bare request's ({reading_busy:.0%} with all cores busy). A live"
    " update sends {updating:.0%} of the bytes of the same card made of core ipywidgets, and a hundred live"
    " cards together make {sharing_requests:.2f} requests per interval."
)


def _line(row: Row) -> str:
    spread = _figure(row.low) if row.low == row.high else f"{_figure(row.low)} to {_figure(row.high)}"
    verdict = "met" if row.holds else "**missed**"
    return f"| {row.question} | {_figure(row.median)} | {spread} | ≤ {row.target:g} | {verdict} |\n"


def _figure(number: float) -> str:
    """Return a number with as many digits as it can be relied on."""
    if number >= 100:
        return f"{number:,.0f}"
    if abs(number) < 0.1:
        return f"{number:.2g}" if abs(number) >= 0.001 else "0"
    return f"{number:.3g}" if number >= 10 else f"{number:.2f}"


def _measured(results: Mapping[str, Answer]) -> str:
    """Return when and on what the results were measured."""
    told: dict[str, list[str]] = {}
    for question, answer in results.items():
        told.setdefault(f"{answer.date} with {_of(answer.versions)}", []).append(question)
    if len(told) == 1:
        return f"Measured by `{COMMAND}` on {next(iter(told))}."
    # Questions that were measured apart say so.
    *others, most = sorted(told, key=lambda when: len(told[when]))
    apart = "; ".join(f"{', '.join(told[when])} on {when}" for when in reversed(others))
    return f"Measured by `{COMMAND}` on {most}; {apart}."


def _of(versions: Mapping[str, str]) -> str:
    *named, last = [f"{name} {version}" for name, version in versions.items() if name != "cores"]
    return f"{', '.join(named)} and {last}, on {versions['cores']} cores"
