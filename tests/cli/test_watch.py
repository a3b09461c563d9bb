"""`evolink-nb watch`: a real process, a real webhook, a real command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from evolink_nb.cli import main
from evolink_nb.cli.exit_codes import OK, USAGE
from tests.support.environment import account_of
from tests.support.secrecy import forms_in
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evolink_nb.demo import DemoServer


class Webhook:
    """A webhook that refuses the first messages, and keeps the others."""

    def __init__(self, refused: int) -> None:
        """Listen on loopback."""
        self.refused = refused
        self.bodies: list[str] = []
        self.headers: list[dict[str, str]] = []
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                webhook.headers.append(dict(self.headers))
                accepted = len(webhook.headers) > webhook.refused
                if accepted:
                    webhook.bodies.append(body)
                self.send_response(204 if accepted else 503)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """A webhook that refuses the first message."""
    webhook = Webhook(refused=1)
    thread = threading.Thread(target=webhook.server.serve_forever, args=(0.02,))
    thread.start()
    yield webhook
    webhook.server.shutdown()
    thread.join()
    webhook.server.server_close()


def start(server: DemoServer, *arguments: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-c",
        "import sys; from evolink_nb.cli import main; sys.exit(main())",
        "watch",
        "--every",
        "1",
        *arguments,
    ]
    return subprocess.Popen(
        command,
        env={**os.environ, **account_of(server), "EVOLINK_NB_ACCOUNT": "lab"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> tuple[str, str]:
    process.send_signal(number)
    said, complaints = process.communicate(timeout=60)
    assert process.returncode == OK, complaints
    return said, complaints


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_quietly(demo_server: DemoServer, number: signal.Signals) -> None:
    process = start(demo_server, "--below", "50")
    assert process.stdout is not None
    assert "Watching for less than 50." in process.stdout.readline()
    assert end(process, number) == ("", "")


def test_a_webhook_hears_once(demo_server: DemoServer, webhook: Webhook) -> None:
    process = start(demo_server, "--below", "500", "--webhook", webhook.url)
    assert process.stdout is not None
    process.stdout.readline()
    demo_server.account.spend(700)
    wait_until(lambda: webhook.bodies)
    requests = demo_server.requests_seen["/v1/credits"]
    wait_until(lambda: demo_server.requests_seen["/v1/credits"] >= requests + 2)
    said, complaints = end(process)
    assert "below 500 credits." in said
    assert (
        complaints
        == "evolink-nb: The webhook didn't accept the message: it answered 503. Trying again in 1 s.\n"
    )
    assert len(webhook.bodies) == 1
    body: dict[str, Any] = json.loads(webhook.bodies[0])
    assert (body["event"], body["below"], body["account"]) == ("below", "500 credits", "lab")
    assert body["reading"]["spendable"] == pytest.approx(395.3996)
    assert body["text"] in said
    everything = f"{webhook.bodies}{webhook.headers}{said}{complaints}".encode()
    assert forms_in(everything, demo_server.key, demo_server.url) == []


def test_a_command_gets_the_alarm(demo_server: DemoServer, tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    command = f'cat > "{heard}.new"; echo "$EVOLINK_NB_ALARM" >> "{heard}.new"; mv "{heard}.new" "{heard}"'
    process = start(demo_server, "--below", "5000", "--exec", command, "--quiet")
    wait_until(heard.exists)
    said, _ = end(process)
    body, text = heard.read_text(encoding="utf-8").splitlines()
    assert json.loads(body)["text"] == text
    assert said.endswith(f"{text}\n")


def test_a_failing_command_is_told_of(demo_server: DemoServer) -> None:
    process = start(demo_server, "--below", "5000", "--exec", "exit 3")
    assert process.stderr is not None
    assert process.stderr.readline() == (
        "evolink-nb: The command failed with exit code 3. Trying again in 1 s.\n"
    )
    end(process)


@pytest.mark.parametrize(
    "arguments", [["--below", "soon"], ["--every", "0"], ["--every", "often"], ["--every", "inf"]]
)
def test_bad_usage_exits_with_64(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["watch", *arguments])
    assert exited.value.code == USAGE
    assert arguments[1] in capsys.readouterr().err
