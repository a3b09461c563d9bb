"""What README and the documentation say was measured is what was; and every benchmark still runs."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks import pages, report
from benchmarks.ratio import Comparison, alternate, part
from benchmarks.results import PUBLISHED, Answer, Row, load, save

VERSIONS = {"Python": "3.13.1", "ipywidgets": "8.1.7", "cores": "2"}
CHEAP = ["loading", "cold", "reading", "recording", "metering", "updating", "sharing", "memory", "history"]
"""The questions that need neither a browser nor an installation of their own."""
RATIO = Comparison("ours ÷ theirs (time)", [1.2, 0.9, 1.0], 1.1, "reading")
COUNT = Comparison("messages (count)", [2.0], 1.0)


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Comparison]:
    """What the only question comes to; nothing is written outside the test's folder."""
    found = [RATIO]
    monkeypatch.setattr(bench, "QUESTIONS", {"reading": lambda _share: found, "flawed": _fail})
    monkeypatch.setattr(bench, "versions", lambda: VERSIONS)
    monkeypatch.setattr(bench, "LAST", tmp_path / "last.json")
    monkeypatch.setattr(bench, "PUBLISHED", tmp_path / "published.json")
    monkeypatch.setattr(pages, "PAGES", {})
    return found


def _fail(_share: float) -> list[Comparison]:
    raise OSError("nothing to measure with")


# -- what is published ---------------------------------------------------------------------------------


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_pages_say_what_was_measured(page: Path) -> None:
    assert pages.with_results(page, load(PUBLISHED)) == page.read_text(encoding="utf-8")


def test_every_question_is_published() -> None:
    assert list(load(PUBLISHED)) == list(bench.QUESTIONS)


def test_page_without_its_marks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text("no place for figures")
    monkeypatch.setattr(pages, "PAGES", {page: report.table})
    with pytest.raises(ValueError, match="once, not 0 times"):
        pages.with_results(page, {})


def test_table_says_what_holds_and_what_not() -> None:
    answer = Answer("2026-11-26", VERSIONS, [Row.of(RATIO), Row.of(COUNT)])
    measured = "on 2026-11-26 with Python 3.13.1 and ipywidgets 8.1.7, on 2 cores"
    assert report.table({"reading": answer}).splitlines()[2:] == [
        "| ours ÷ theirs (time) | 1.00 | 0.95 to 1.10 | ≤ 1.1 | met |",
        "| messages (count) | 2.00 | 2.00 | ≤ 1 | **missed** |",
        "",
        f"Measured by `make bench` {measured}.",
    ]


def test_table_says_what_was_measured_apart() -> None:
    answer = Answer("2026-11-26", VERSIONS, [Row.of(RATIO)])
    told = report.table({"reading": answer, "cold": answer, "history": replace(answer, date="2026-11-27")})
    *_, measured = told.splitlines()
    assert measured.startswith("Measured by `make bench` on 2026-11-26 with Python")
    assert "; history on 2026-11-27 with Python" in measured


# -- the command ---------------------------------------------------------------------------------------


def test_missed_target_exits_with_1(answers: list[Comparison], capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["reading"]) == 0
    answers.append(COUNT)
    assert bench.main(["reading"]) == 1
    assert "| ≤ 1 | **missed** |" in capsys.readouterr().out


def test_question_without_answer_fails(answers: list[Comparison], capsys: pytest.CaptureFixture[str]) -> None:
    """The others are measured all the same."""
    assert bench.main([]) == 1
    told = capsys.readouterr()
    assert answers[0].question in told.out
    assert "flawed: NOT MEASURED" in told.err


def test_questions_are_published_apart(answers: list[Comparison], tmp_path: Path) -> None:
    known = {"flawed": Answer("2026-01-01", VERSIONS, [Row.of(COUNT)])}
    save(known, tmp_path / "published.json")
    assert bench.main(["reading", "--write-docs"]) == 0
    published = load(tmp_path / "published.json")
    assert list(published) == ["reading", "flawed"]
    assert published["reading"].rows == [Row.of(answers[0])]
    assert published["flawed"] == known["flawed"]


def test_last_results_need_no_measuring(answers: list[Comparison], tmp_path: Path) -> None:
    bench.main(["reading"])
    answers[:] = [COUNT]
    assert bench.main(["reading", "--last", "--write-docs"]) == 0
    assert load(tmp_path / "published.json")["reading"].rows == [Row.of(RATIO)]


def test_quick_results_are_not_kept(answers: list[Comparison]) -> None:
    assert answers
    bench.main(["reading", "--quick"])
    assert not bench.LAST.exists()
    with pytest.raises(SystemExit):
        bench.main(["reading", "--quick", "--write-docs"])


# -- measuring -----------------------------------------------------------------------------------------


def test_who_goes_first_changes_each_round() -> None:
    asked: list[str] = []

    def ask(name: str, seconds: float) -> float:
        asked.append(name)
        return seconds

    assert alternate(lambda: ask("ours", 1.0), lambda: ask("peer", 2.0), rounds=3) == [0.5, 0.5, 0.5]
    assert asked == ["ours", "peer", "peer", "ours", "ours", "peer"]
    assert [part(40, share) for share in (0.0, 0.5, 1.0)] == [1, 20, 40]


@pytest.mark.parametrize("question", CHEAP)
def test_every_benchmark_still_runs(question: str) -> None:
    """Whether a target holds is for a quiet machine and more rounds to say."""
    found = bench.QUESTIONS[question](0.0)
    assert found
    assert all(isfinite(figure) for row in found for figure in row.ratios)
