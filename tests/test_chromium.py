"""Finding a Chromium that runs, among programs that only look like one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chromium import ChromiumNotFoundError, chromium_path

if TYPE_CHECKING:
    from pathlib import Path

# The lookup itself: what it found for the browser tests must not be answered here.
find_chromium = chromium_path.__wrapped__


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH, without a CHROMIUM set."""
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def add_program(folder: Path, name: str, script: str) -> Path:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def test_a_shim_that_does_not_run_is_passed_over(programs: Path) -> None:
    add_program(programs, "chromium", "echo 'requires the chromium snap' >&2; exit 1")
    add_program(programs, "chromium-browser", "exit 0")
    chrome = add_program(programs, "google-chrome", "echo Google Chrome 156.0")
    assert find_chromium() == chrome


def test_the_chosen_chromium_comes_first(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_program(programs, "chromium", "echo Chromium 156.0")
    chosen = add_program(programs, "mine", "echo Chromium 157.0")
    monkeypatch.setenv("CHROMIUM", str(chosen))
    assert find_chromium() == chosen


def test_a_chosen_chromium_that_does_not_run_is_named(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_program(programs, "chromium", "echo Chromium 156.0")
    monkeypatch.setenv("CHROMIUM", str(programs / "gone"))
    with pytest.raises(ChromiumNotFoundError, match="gone does not run"):
        find_chromium()
