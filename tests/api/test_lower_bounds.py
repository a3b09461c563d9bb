"""The lower bounds in pyproject.toml are true, and no answer costs much memory on them or on the newest."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from tests.support import colab, lowest
from tests.support.environment import isolated_environment
from tests.support.failing_server import GOOD, KEY, FailingServer, Reply, response

MAX_PEAK = 100 * 10**6
"""Bytes that a process may need that reads whatever answers there are; without any it needs about half."""
PACKED = gzip.compress(bytes(64 << 20), 9)
LARGE = 128
"""MB of a body, or a header, that is sent as it is."""


def packed(status: str = "200 OK", **headers: str) -> Reply:
    """A body of 1 MB that holds 1 GB."""
    return Reply(response(PACKED * 16, status, None, content_encoding="gzip", **headers), hang_up=True)


def large(head: bytes) -> Reply:
    """A body as large as can be, after ``head``."""
    return Reply(head, LARGE, hang_up=True)


ANSWERS = [
    # what is answered, and what that comes to
    (packed(), "it is compressed"),
    (packed("302 Found", location="/"), "EvoLink answered 302"),
    (packed("500 Oh"), "EvoLink answered 500"),
    (large(response(length=LARGE << 20)), "it is larger than"),
    (large(response(length=LARGE << 20, status="302 Found", location="/")), "EvoLink answered 302"),
    (large(response(length=LARGE << 20, status="401 No")), "EvoLink answered 401"),
    (large(b"HTTP/1.1 200 OK\r\n\r\n"), "it is larger than"),
    (large(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8000000\r\n"), "it is larger than"),
    (large(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n"), "it was cut short"),
    (large(b"HTTP/1.1 200 "), "the connection broke"),
    (large(b"HTTP/1.1 200 OK\r\nx: "), "the connection broke"),
]
SETS = ("lowest", "newest")


def environment(versions: str, home: Path) -> dict[str, str]:
    """Return the environment of a child with those versions."""
    first = [str(lowest.folder())] if versions == "lowest" else []
    return isolated_environment(home) | {"PYTHONPATH": os.pathsep.join([*first, str(colab.ROOT)])}


def run_child(*arguments: str, environment: dict[str, str]) -> str:
    """Run this Python in the repository, and return what it prints."""
    command = [sys.executable, *arguments]
    ran = subprocess.run(
        command, env=environment, cwd=colab.ROOT, capture_output=True, text=True, timeout=400, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def measured(versions: str, home: Path, *replies: Reply, options: tuple[str, ...] = ()) -> list[Any]:
    """Return what a child that reads each reply prints."""
    with FailingServer(*replies) as server:
        child = environment(versions, home) | {"EVOLINK_API_KEY": KEY, "EVOLINK_BASE_URL": server.url}
        program = ("-m", "tests.support.peak_memory", str(len(replies)), *options)
        return [json.loads(line) for line in run_child(*program, environment=child).splitlines()]


@pytest.mark.timeout(420)
@pytest.mark.parametrize("versions", SETS)
def test_no_answer_costs_much_memory(versions: str, clean_environment: Path) -> None:
    rows = [*ANSWERS, (GOOD, "1095.3996")]
    found, *outcomes = measured(versions, clean_environment, *(reply for reply, _ in rows))
    if versions == "lowest":
        assert found == {name: lowest.bounds()[name] for name in found}
    for line, (_, words) in zip(outcomes, rows, strict=True):
        assert words in line["outcome"]
        assert line["peak"] < MAX_PEAK, line


def test_the_peak_is_what_was_held(clean_environment: Path) -> None:
    """The measurement shows what requests itself holds of a packed body."""
    body = Reply(response(PACKED * 2, content_encoding="gzip"))
    _, line = measured("newest", clean_environment, body, options=("--requests",))
    assert line["outcome"] == str(128 << 20)
    assert line["peak"] > 128 << 20


@pytest.mark.timeout(420)
def test_the_wire_is_the_same_on_the_lowest(clean_environment: Path) -> None:
    """On the lowest versions, every fault comes to the same."""
    tables = ("test_wire_faults.py", "test_tls_faults.py")
    # Other packages' plugins may need newer versions than these.
    child = environment("lowest", clean_environment) | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    run_child(
        *("-m", "pytest", "-q", "-p", "pytest_timeout", "-p", "no:cacheprovider"),
        *(f"tests/api/{name}" for name in tables),
        environment=child,
    )


def test_every_lower_bound_is_tried() -> None:
    """Here, or with what Google Colab has."""
    pinned = dict(
        line.split("==") for line in colab.CONSTRAINTS.read_text().splitlines() if line and line[0] != "#"
    )
    for name, bound in lowest.bounds().items():
        assert name in lowest.NAMES or Version(pinned[name]) == Version(bound), name
