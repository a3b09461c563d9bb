"""The key is where it is needed, in one request's header, and nowhere that a user or a tool looks."""

from __future__ import annotations

import gc
import http.client
import logging
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import requests
import urllib3

from evolink_nb.api.client import EvoLinkClient
from evolink_nb.api.transport import THREAD_NAME
from evolink_nb.errors import EvoLinkError
from tests.support import threads
from tests.support.environment import isolated_environment
from tests.support.failing_server import (
    GOOD,
    KEY,
    SILENCE,
    FailingServer,
    Reply,
    response,
)
from tests.support.secrecy import texts_in

ECHO = {"error": {"code": KEY, "message": f"no {KEY}", "type": KEY, "param": KEY, "fallback_suggestion": KEY}}

FAILURES = {
    "refused": Reply(response(ECHO, "401 Unauthorized", x_request_id=KEY, www_authenticate=KEY)),
    "busy": Reply(response(ECHO, "503 Busy")),
    "redirect": Reply(response(status="302 Found", location=f"http://{KEY}/")),
    "page": Reply(response(f"<html>{KEY}")),
    "echo": Reply(response({"message": KEY, "success": False})),
    "wrong": Reply(response({"data": {"token": {KEY: KEY}, "user": KEY}})),
    "cut": Reply(response(KEY, length=10_000), hang_up=True),
    "closed": Reply(hang_up=True),
    "garbage": Reply(f"{KEY}\r\n\r\n".encode(), hang_up=True),
    "bad status": Reply(f"HTTP/1.1 {KEY}\r\n\r\n".encode(), hang_up=True),
    "bad length": Reply(f"HTTP/1.1 200 OK\r\ncontent-length: {KEY}\r\n\r\n".encode(), hang_up=True),
    "silence": SILENCE,
}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """All that is logged, by whomever and down to DEBUG."""
    with caplog.at_level(logging.DEBUG):
        yield caplog


def tracebacks(error: BaseException) -> str:
    """The traceback as tools print it that show the variables of every frame, from our first frame on."""
    assert error.__traceback__ is not None
    ours = error.with_traceback(error.__traceback__.tb_next)
    return "".join(traceback.TracebackException.from_exception(ours, capture_locals=True).format())


def caught(work: Callable[[], object]) -> BaseException:
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - an interrupt is among them
        return error
    raise AssertionError("nothing was raised")


def test_client_shows_the_key_nowhere() -> None:
    with FailingServer(GOOD) as server, server.client() as reader:
        for _ in range(2):
            # Before the first request and after it.
            for held in (reader, reader.auth, reader._session, reader._session._request):
                assert not [text for text in texts_in(held) if KEY in text]
            reader.get_credits()
        assert KEY in server.heads[0]
        with pytest.raises(TypeError):
            pickle.dumps(reader)


@pytest.mark.parametrize("failure", FAILURES)
def test_error_shows_the_key_nowhere(failure: str, log: pytest.LogCaptureFixture) -> None:
    with FailingServer(FAILURES[failure]) as server, server.client(timeout=2) as reader:
        error = caught(reader.get_credits)
        assert KEY in server.heads[0]
    assert isinstance(error, EvoLinkError)
    texts = [tracebacks(error), *error._render_traceback_(), *texts_in(error), log.text]
    texts += [pickle.dumps(error, protocol=0).decode("latin-1")]
    texts += [str(vars(record)) for record in log.records]
    assert "self = EvoLinkClient" in texts[0]
    assert "Starting new HTTP connection" in log.text
    assert not [text for text in texts if KEY in text]
    assert error.__cause__ is None
    assert error.__context__ is None


def test_debugging_output_hides_the_key(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    with FailingServer(GOOD) as server, server.client() as reader:
        reader.get_credits()
        assert KEY in server.heads[0]
    assert KEY not in capsys.readouterr().out


def test_interrupt_shows_the_key_nowhere() -> None:
    with FailingServer(SILENCE) as server, server.client(timeout=60) as reader:

        def interrupt() -> None:
            server.wait_for_requests(1)
            os.kill(os.getpid(), signal.SIGINT)

        interrupting = threading.Thread(target=interrupt)
        interrupting.start()
        error = caught(reader.get_credits)
        interrupting.join(60)
        assert type(error) is KeyboardInterrupt
        text = tracebacks(error)
        assert "self = EvoLinkClient" in text
        assert KEY not in text
        # The request is cancelled with the read that asked for it.
        server.wait_until_all_closed()


def exceptions_of_requests() -> list[BaseException]:
    """Return all exceptions of requests and urllib3 that are still alive."""
    gc.collect()
    kinds = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException)
    # By type: asking an instance for its class may run code of whatever object this is.
    return [thing for thing in gc.get_objects() if issubclass(type(thing), kinds)]


@pytest.mark.parametrize("failure", ["closed", "garbage", "silence", "cut"])
def test_no_exception_of_requests_survives(failure: str) -> None:
    """They hold the request, and the request holds the key."""
    before = exceptions_of_requests()
    with FailingServer(FAILURES[failure]) as server, server.client(timeout=2) as reader:
        error = caught(reader.get_credits)
        server.wait_until_all_closed()
        for thread in threads.running(THREAD_NAME):
            thread.join(60)
        assert [left for left in exceptions_of_requests() if left not in before] == []
    assert isinstance(error, EvoLinkError)


def test_unusable_key_is_shown_nowhere() -> None:
    text = tracebacks(caught(partial(EvoLinkClient, f"{KEY}\N{EN DASH}")))
    assert "self = EvoLinkClient(base_url=None, key from None)" in text
    assert KEY not in text


IN_IPYTHON = """
import os, signal, threading
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
from tests.support.failing_server import SILENCE, FailingServer
from tests.api.test_key_secrecy import FAILURES

shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
shell.run_line_magic("xmode", "Verbose")

def interrupt(server):
    server.wait_for_requests(1)
    os.kill(os.getpid(), signal.SIGINT)

for name, reply in [*FAILURES.items(), ("interrupt", SILENCE)]:
    timeout = 60 if name == "interrupt" else 0.5
    with FailingServer(reply) as server, server.client(timeout) as reader:
        if name == "interrupt":
            threading.Thread(target=interrupt, args=(server,)).start()
        shell.user_ns["reader"] = reader
        result = shell.run_cell("reader.get_credits()")
        error = result.error_in_exec
        print("== in full:", name)
        # Past what the error itself wants shown: the whole of IPython's view of the stack.
        print(shell.InteractiveTB.text(type(error), error, error.__traceback__))
"""


def test_verbose_tracebacks_hide_the_key(clean_environment: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", IN_IPYTHON],
        env=isolated_environment(clean_environment),
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # Colours may stand between the parts of a word.
    shown = re.sub(r"\x1b\[[0-9;]*m", "", ran.stdout + ran.stderr)
    assert ran.returncode == 0, shown
    assert shown.count("== in full") == len(FAILURES) + 1
    assert shown.count("EvoLinkClient.get_credits(self=EvoLinkClient(") >= len(FAILURES) + 1
    assert "KeyboardInterrupt" in shown
    assert KEY not in shown
