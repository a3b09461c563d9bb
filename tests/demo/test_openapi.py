"""The simulated API, run as its own process, keeps what its OpenAPI description promises."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

DESCRIPTION = Path(__file__).with_name("openapi.json")
COMMAND = [sys.executable, "-m", "evolink_nb.demo"]


class DemoProcess:
    """`python -m evolink_nb.demo`, once it has printed its URL and its key."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.key = self.process.stdout.readline().strip()

    def stop(self, number: signal.Signals) -> tuple[int, str]:
        """End it by a signal; return its exit code and what else it printed."""
        self.process.send_signal(number)
        printed, complaints = self.process.communicate(timeout=60)
        return self.process.returncode, printed + complaints


@pytest.fixture
def demo_process() -> Iterator[DemoProcess]:
    demo = DemoProcess()
    yield demo
    if demo.process.poll() is None:
        demo.process.kill()
    demo.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_quietly(demo_process: DemoProcess, number: signal.Signals) -> None:
    assert demo_process.url.startswith("http://127.0.0.1:")
    assert demo_process.key.startswith("sk-evo-demo-")
    assert demo_process.stop(number) == (0, "")


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--port", "-1"], ["--seed", "x"], ["more"]])
def test_bad_usage_is_refused(arguments: list[str]) -> None:
    finished = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=30)
    assert finished.returncode == 2
    assert "usage:" in finished.stderr
    assert not finished.stdout


def test_taken_port_is_one_line(demo_process: DemoProcess) -> None:
    port = demo_process.url.rpartition(":")[2]
    finished = subprocess.run(
        [*COMMAND, "--port", port], capture_output=True, text=True, check=False, timeout=30
    )
    assert finished.returncode == 1
    assert finished.stderr.count("\n") == 1
    assert port in finished.stderr
    assert not finished.stdout


def test_schemathesis_finds_nothing(demo_process: DemoProcess, tmp_path: Path) -> None:
    bearer = f"Bearer {demo_process.key}"
    # Enough credits for every generated call: what runs out mid-way would be refused with 402.
    urllib.request.urlopen(
        urllib.request.Request(
            f"{demo_process.url}/demo/top-up", data=b'{"credits": 1e6}', headers={"Authorization": bearer}
        ),
        timeout=10,
    ).close()
    options = ["--max-examples", "10", "--generation-deterministic", "--warnings", "off", "--no-color"]
    where = ["--url", demo_process.url, "--header", f"Authorization: {bearer}"]
    finished = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", str(DESCRIPTION), *where, *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "Tested: 6" in finished.stdout
    assert demo_process.stop(signal.SIGINT) == (0, "")
