"""Where ``evolink-nb`` prints: any encoding, and streams that can't be written."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evolink_nb import EvoLinkClient
from evolink_nb.cli import BELOW, FLAW, OK, UNAVAILABLE, UNWRITABLE, USAGE, main
from evolink_nb.cli.output import complain, say
from evolink_nb.demo import Account, DemoServer
from tests.support.environment import account_of

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = Path(sys.executable).parent / "evolink-nb"
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this platform has no /dev/full")
IN_A_SHELL = ["sh", "-c"]


@pytest.fixture
def unlimited_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoServer]:
    """An account whose key has no limit of its own, and that is overdrawn: its text needs the most signs."""
    with DemoServer(Account(user_remaining="-12.5", unlimited=True)) as server:
        for name, value in account_of(server).items():
            monkeypatch.setenv(name, value)
        yield server


def run(*arguments: str, encoding: str = "utf-8", **options: Any) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run([COMMAND, *arguments], env=environment, timeout=180, check=False, **given)


@pytest.mark.usefixtures("unlimited_key")
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "cp437", "cp932", "latin-1", "ascii", "utf-16"])
@pytest.mark.parametrize(("minimum", "code"), [("-50", OK), ("50", BELOW)])
def test_any_encoding_will_do(encoding: str, minimum: str, code: int) -> None:
    done = run("credits", f"--min={minimum}", encoding=encoding)
    assert done.returncode == code, done.stderr
    shown = done.stdout.decode(encoding)
    assert "12.5 overdrawn" in shown
    assert "no limit of its own" in shown


def test_a_text_is_written_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has read all of it may close a pipe or a terminal: nothing more is to come."""
    written: list[bytes] = []

    class Terminal(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            written.append(bytes(data))
            return len(data)

    for name in ("stdout", "stderr"):
        stream = io.TextIOWrapper(io.BufferedWriter(Terminal()), encoding="utf-8", line_buffering=True)
        monkeypatch.setattr(sys, name, stream)
    say("one\ntwo")
    complain("three\nfour")
    assert written == [b"one\ntwo\n", b"evolink-nb: three\nfour\n"]


@pytest.mark.usefixtures("unlimited_key")
def test_ascii_stands_in_for_our_signs() -> None:
    done = run("credits", encoding="ascii")
    assert "\\" not in done.stdout.decode("ascii")
    assert "-12.5 overdrawn" in done.stdout.decode("ascii")


def test_usage_in_other_alphabets() -> None:
    """An argument is quoted back, whatever bytes it was."""
    done = run("credits", "--min", os.fsdecode(b"\xe4\xff\xe2\x82\xac"), encoding="ascii")
    assert done.returncode == USAGE
    assert b"is not a number of credits" in done.stderr


@needs_full
@pytest.mark.usefixtures("simulated_account")
@pytest.mark.parametrize(
    "arguments",
    [["credits"], ["credits", "--json"], ["credits", "--min", "5000"], ["--help"], ["--version"]],
    ids=" ".join,
)
@pytest.mark.parametrize("python", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_full_disk_is_exit_code_74(
    arguments: list[str], python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", python)
    with FULL.open("wb") as full:
        done = run(*arguments, stdout=full)
    assert (done.returncode, UNWRITABLE) == (74, 74), done.stderr
    said = b"the output can't be written: No space left on device."
    assert said in done.stderr
    assert done.stderr.startswith(b'{"error": {' if "--json" in arguments else b"evolink-nb: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.usefixtures("simulated_account")
@pytest.mark.parametrize("arguments", [["credits"], ["credits", "--min", "5000"], ["credits", "--help"]])
def test_a_closed_pipe_is_exit_code_74(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = run(*arguments, stdout=pipe)
    assert (done.returncode, done.stderr) == (74, b"evolink-nb: the output can't be written: Broken pipe.\n")


@pytest.mark.usefixtures("simulated_account")
def test_a_closed_stream_is_exit_code_74() -> None:
    done = subprocess.run(
        [*IN_A_SHELL, f"'{COMMAND}' credits >&-"], capture_output=True, timeout=180, check=False
    )
    assert (done.returncode, done.stdout) == (74, b""), done.stderr


@needs_full
@pytest.mark.usefixtures("simulated_account")
@pytest.mark.parametrize("where", [">/dev/full", ">&-"], ids=["full", "closed"])
@pytest.mark.parametrize(
    ("arguments", "code"), [("credits --min 5000", BELOW), ("credits --frobnicate", USAGE), ("credits", OK)]
)
def test_lost_complaints_change_no_code(where: str, arguments: str, code: int) -> None:
    done = subprocess.run(
        [*IN_A_SHELL, f"'{COMMAND}' {arguments} 2{where}"], stdout=subprocess.PIPE, timeout=180, check=False
    )
    assert done.returncode == code
    assert (b"1,095.3996" in done.stdout) == (code != USAGE)


@pytest.mark.usefixtures("simulated_account")
@pytest.mark.parametrize(
    "flaw", [RuntimeError("sk-secret"), UnicodeEncodeError("a", "b", 0, 1, "c"), OSError(28, "no")]
)
def test_a_flaw_is_exit_code_70(
    flaw: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is raised: 1 means that less than --min is left."""

    def fail(_: EvoLinkClient) -> None:
        raise flaw

    monkeypatch.setattr(EvoLinkClient, "get_credits", fail)
    assert main(["credits", "--min", "5"]) == FLAW == 70
    printed = capsys.readouterr().err
    assert printed.startswith(f"evolink-nb: {type(flaw).__name__}, a bug in evolink-nb ")
    assert "in fail" in printed  # where
    assert "sk-secret" not in printed  # what an exception says may be a key


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (None, USAGE),
        ({"status": 401}, UNAVAILABLE),
        ({"status": 403}, UNAVAILABLE),
        ({"status": 500}, UNAVAILABLE),
        ({"latency": 60.0}, UNAVAILABLE),
        ({"connection": "refuse"}, UNAVAILABLE),
        ({"body": "html"}, UNAVAILABLE),
    ],
    ids=str,
)
def test_hints_name_the_shells_ways(
    demo_server: DemoServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: dict[str, Any] | None,
    code: int,
) -> None:
    """Neither magics nor Python's arguments, which a shell doesn't have."""
    if fault is not None:
        for name, value in account_of(demo_server).items():
            monkeypatch.setenv(name, value)
        demo_server.fault(**fault)
    assert main(["credits"]) == code
    printed = capsys.readouterr().err
    assert len(printed.splitlines()) == 2
    assert not any(way in printed for way in ("%", "timeout=", "base_url=", "refresh"))


@pytest.mark.parametrize("url", ["ftp://x", "http://elsewhere.example", "https://a:b@c", "https://x y"])
def test_hints_on_a_base_url(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVOLINK_BASE_URL", url)
    assert main(["credits"]) == USAGE
    assert "Set EVOLINK_BASE_URL to something like https://" in capsys.readouterr().err
