"""``evolink-nb credits --watch``, at a real terminal and in a real pipe."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import IO, TYPE_CHECKING

import pexpect
import pytest

from tests.support.terminal import end

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer

WATCH = [sys.executable, "-m", "evolink_nb", "credits", "--watch", "--every", "1"]


@contextmanager
def terminal(**environment: str) -> Iterator[pexpect.spawn[str]]:
    """The command at a terminal of 100 columns."""
    variables = {**os.environ, "TERM": "xterm", **environment}
    process: pexpect.spawn[str] = pexpect.spawn(
        WATCH[0], WATCH[1:], env=variables, encoding="utf-8", timeout=60, dimensions=(30, 100)
    )
    yield process
    end(process)


@contextmanager
def pipe(*options: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """The command with a pipe, and what it prints."""
    with subprocess.Popen([*WATCH, *options], stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout
        process.kill()


def test_terminal_has_one_card_kept_fresh(simulated_account: DemoServer) -> None:
    with terminal() as process:
        process.expect_exact("1,095.3996 credits left")
        simulated_account.account.spend("2.5")
        process.expect_exact("1,092.8996 credits left")
        shown = process.before or ""
        # Back to the card's first line, which is erased with all below it.
        assert re.search("\x1b\\[\\dF\x1b\\[J", shown)
        assert "\x1b[1m" in shown
        process.expect_exact("spent this session 2.5")


def test_ctrl_c_ends_it_quietly(simulated_account: DemoServer) -> None:
    with terminal(NO_COLOR="1") as process:
        process.expect_exact("583.5571 used")
        process.sendintr()
        process.expect(pexpect.EOF)
        assert (process.before or "").strip() in {"", "^C"}
        process.wait()
        assert process.exitstatus == 130
    assert simulated_account.requests_seen["/v1/credits"] >= 1


def test_each_reading_is_a_line_in_a_pipe(simulated_account: DemoServer) -> None:
    with pipe() as (process, lines):
        assert lines.readline().startswith("1,095.3996 credits left · account 1,095.3996 · API key ")
        simulated_account.account.spend(1)
        assert any(line.startswith("1,094.3996 credits left") for line in lines)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


def test_json_comes_an_object_a_line(simulated_account: DemoServer) -> None:
    with pipe("--json", "--min", "1000") as (process, lines):
        first = json.loads(lines.readline(), parse_float=Decimal)
        assert first["spendable"] == Decimal("1095.3996")
        simulated_account.account.spend(100)
        *_, last = (json.loads(line, parse_float=Decimal) for line in lines)
        assert last["spendable"] == Decimal("995.3996")
        # It ends as soon as less is left.
        assert process.wait(60) == 1


def test_passing_failure_ends_no_watch(simulated_account: DemoServer) -> None:
    with pipe("--min", "1095") as (process, lines):
        assert "1,095.3996" in lines.readline()
        simulated_account.fault(status=500, times=1)
        simulated_account.account.spend(1)
        assert process.wait(60) == 1
        assert process.stderr is not None
        said = process.stderr.read().splitlines()
    assert said[0].startswith("evolink-nb: EvoLink answered 500")
    assert said[-1] == "evolink-nb: less than 1095 credits left to spend."


@pytest.mark.parametrize("options", [(), ("--json",), ("--quiet",)])
def test_refused_key_ends_a_watch(simulated_account: DemoServer, options: tuple[str, ...]) -> None:
    simulated_account.fault(status=401, times=20)
    with pipe(*options) as (process, _):
        assert process.wait(60) == 69
        assert process.stderr is not None
        assert "answered 401" in process.stderr.read()


def test_quiet_watch_waits_for_the_minimum(simulated_account: DemoServer) -> None:
    with pipe("--quiet", "--min", "1095") as (process, lines):
        simulated_account.account.spend(1)
        assert process.wait(60) == 1
        assert lines.read() == ""
