"""Completion, in the shells themselves."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from evolink_nb.cli import USAGE, main
from evolink_nb.cli.grammar import SHELLS

if TYPE_CHECKING:
    from pathlib import Path

# What a shell does when TAB is pressed after a line.
ASK = {
    "bash": (
        "source {script}\n"
        "complete -p evolink-nb | grep -o -- '-F [^ ]*' | cut -d' ' -f2 > {script}.name\n"
        "COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_LINE='{line}'\n"
        "$(cat {script}.name) 2>/dev/null; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    ),
    "fish": "source {script}; complete -C '{line}' | cut -f1",
}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def script(shell: str, tmp_path: Path) -> Path:
    """What `evolink-nb completion` prints for a shell."""
    command = [sys.executable, "-m", "evolink_nb", "completion", shell]
    done = subprocess.run(command, capture_output=True, check=True, timeout=180)
    path = tmp_path / f"completion.{shell}"
    path.write_bytes(done.stdout)
    return path


def test_every_shell_can_read_its_script(shell: str, script: Path) -> None:
    text = script.read_text()
    assert "evolink-nb" in text
    assert all(word in text for word in ("credits", "watch", "key-env", "completion"))
    found = shutil.which(shell)
    if found is not None:  # bash is everywhere
        subprocess.run([found, "-n", script], check=True, timeout=180)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("evolink-nb cr", {"credits"}),
        ("evolink-nb credits --w", {"--watch"}),
        ("evolink-nb credits --key", {"--key-env"}),
        ("evolink-nb completion ba", {"bash"}),
        ("evolink-nb history --by no", {"notebook"}),
    ],
)
@pytest.mark.parametrize("shell", [name for name in ASK if shutil.which(name)], indirect=True)
def test_tab_completes_what_is_typed(shell: str, script: Path, line: str, offered: set[str]) -> None:
    command = ASK[shell].format(script=script, line=line, words=line)
    done = subprocess.run([shell, "-c", command], capture_output=True, text=True, check=True, timeout=180)
    assert {word.strip() for word in done.stdout.split()} == offered, done.stderr


def test_missing_shtab_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert main(["completion", "bash"]) == USAGE
    assert "pip install 'evolink-nb[completion]'" in capsys.readouterr().err
