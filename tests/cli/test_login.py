"""``evolink-nb login``: a key that is never shown, in a keyring of files."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pexpect
import pytest

from tests.notebook.test_terminal import FOLDER_KEYRING

if TYPE_CHECKING:
    from pathlib import Path

    from evolink_nb.demo import DemoServer

COMMAND = [sys.executable, "-m", "evolink_nb"]


@pytest.fixture
def kept(demo_server: DemoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that is the keyring."""
    (tmp_path / "folder_keyring.py").write_text(
        FOLDER_KEYRING
        + "    def delete_password(self, service, name):\n        self._place(service, name).unlink()\n"
    )
    folder = tmp_path / "kept"
    folder.mkdir()
    monkeypatch.setenv("FOLDER_KEYRING", str(folder))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "folder_keyring.FolderKeyring")
    monkeypatch.setenv("EVOLINK_BASE_URL", demo_server.url)
    return folder


def run(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], input=given, capture_output=True, text=True, check=False, timeout=180
    )


def test_key_is_asked_for_without_echo(demo_server: DemoServer, kept: Path) -> None:
    process: pexpect.spawn[str] = pexpect.spawn(
        COMMAND[0], [*COMMAND[1:], "login"], encoding="utf-8", timeout=180
    )
    process.expect_exact("EvoLink API key: ")
    process.waitnoecho()
    process.sendline(demo_server.key)
    process.expect(pexpect.EOF)
    assert (process.before or "").strip() == ("Kept in the system keyring. 1,095.3996 credits left to spend.")
    process.wait()
    assert process.exitstatus == 0
    assert [each.read_text() for each in kept.iterdir()] == [demo_server.key]
    assert "1,095.3996" in run("credits").stdout


def test_piped_key_is_kept_and_forgotten(demo_server: DemoServer, kept: Path) -> None:
    assert run("login", given=f"{demo_server.key}\n").returncode == 0
    assert len(list(kept.iterdir())) == 1
    done = run("login", "--forget")
    assert (done.returncode, list(kept.iterdir())) == (0, [])
    assert done.stdout.startswith("The system keyring has no key for http://127.0.0.1:")
    assert run("credits").returncode == 64
    assert run("login", "--forget").returncode == 0


def test_key_that_does_not_work_is_not_kept(demo_server: DemoServer, kept: Path) -> None:
    done = run("login", given="mistyped-key\n")
    assert done.returncode == 69
    assert "answered 401" in done.stderr
    assert "mistyped-key" not in done.stderr + done.stdout
    assert list(kept.iterdir()) == []
    assert demo_server.requests_seen["/v1/credits"] == 1


def test_variable_that_wins_is_named(
    demo_server: DemoServer, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", "another")
    done = run("login", given=demo_server.key)
    assert done.returncode == 0
    assert done.stderr == "evolink-nb: EVOLINK_API_KEY is set, and used before the keyring.\n"
    assert list(kept.iterdir())


@pytest.mark.parametrize("backend", ["keyring.backends.fail.Keyring", "keyring.backends.null.Keyring"])
@pytest.mark.usefixtures("demo_server")
def test_missing_keyring_is_said_beforehand(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody types a key that can't be kept."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    done = run("login", given="never-read\n")
    assert done.returncode == 64
    assert done.stderr.splitlines() == [
        "evolink-nb: There is no system keyring here to keep a key in.",
        "Set EVOLINK_API_KEY instead, or start one (on Linux: GNOME Keyring or KWallet).",
    ]


def test_missing_package_is_said_beforehand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    from evolink_nb.cli import main

    assert main(["login"]) == 64
    assert "pip install 'evolink-nb[keyring]'" in capsys.readouterr().err
