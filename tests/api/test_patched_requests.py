"""Libraries that replace parts of requests or urllib3 for a whole process: no reading comes from them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
import requests_cache
import responses
import urllib3
import vcr

from evolink_nb import errors
from evolink_nb.api.client import EvoLinkClient
from tests.support.environment import isolated_environment
from tests.support.failing_server import GOOD, KEY, READING, FailingServer, Reply, failure_of, response

SPENT = READING["data"] | {"user": {"remaining_credits": 7, "used_credits": 8}}
NEWER = Reply(response(READING | {"data": SPENT}))


class ReplayingAdapter(requests.adapters.HTTPAdapter):
    """An adapter that answers as before, as CacheControl's does."""

    first: requests.Response | None = None

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        kept = ReplayingAdapter.first = ReplayingAdapter.first or super().send(*args, **kwargs)
        return kept


class UselessSession(requests.Session):
    """A session that answers nothing."""

    send: Any = None


@contextmanager
def _replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, value)
        yield


def _session_replaced(_folder: Path) -> AbstractContextManager[object]:
    return _replaced(requests.sessions, "Session", UselessSession)


def _adapter_replaced(_folder: Path) -> AbstractContextManager[object]:
    return _replaced(requests.adapters, "HTTPAdapter", ReplayingAdapter)


def _cache_installed(_folder: Path) -> AbstractContextManager[object]:
    enabled: Any = requests_cache.enabled  # not annotated
    return enabled(backend="memory")  # type: ignore[no-any-return]


def _recording(folder: Path) -> AbstractContextManager[object]:
    return vcr.use_cassette(str(folder / "cassette.yaml"), record_mode="new_episodes")  # type: ignore[no-any-return]


PATCHES = [_session_replaced, _adapter_replaced, _cache_installed, _recording]


@pytest.mark.parametrize("patch", PATCHES)
@pytest.mark.parametrize("first", ["client", "patch"])
def test_patched_process_reads_the_server(
    patch: Callable[[Path], AbstractContextManager[object]], first: str, tmp_path: Path
) -> None:
    with FailingServer(GOOD, NEWER) as server:
        early = server.client()
        with patch(tmp_path), server.client() as late:
            reader = early if first == "client" else late
            assert [reader.get_credits().spendable for _ in range(3)] == [Decimal("1095.3996"), 7, 7]
        early.close()
    assert len(server.heads) == 3
    assert not [path for path in tmp_path.iterdir() if KEY in path.read_text(encoding="utf-8")]


IMPORTED_AFTER = """
import requests, requests_cache
requests_cache.install_cache(backend="memory")

class Replaying(requests.adapters.HTTPAdapter):
    def send(self, *args, **kwargs):
        raise AssertionError("the adapter was used")

requests.adapters.HTTPAdapter = Replaying

from evolink_nb.api.client import EvoLinkClient

with EvoLinkClient() as reader:
    print(*[reader.get_credits().spendable for _ in range(3)])
"""


def test_patch_before_import_is_passed_by(clean_environment: Path) -> None:
    with FailingServer(GOOD, NEWER) as server:
        found = {"EVOLINK_BASE_URL": server.url, "EVOLINK_API_KEY": KEY}
        program = subprocess.run(
            [sys.executable, "-c", IMPORTED_AFTER],
            env=isolated_environment(clean_environment) | found,
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (program.stdout, program.stderr) == ("1095.3996 7 7\n", "")


@pytest.mark.parametrize("status", [200, 401, 503])
def test_answer_of_a_mock_is_no_reading(status: int) -> None:
    with FailingServer(GOOD) as server, server.client() as reader:
        with responses.RequestsMock() as mock:
            mock.get(f"{server.url}/v1/credits", json=READING, status=status)
            error = failure_of(reader)
        assert type(error) is errors.InvalidResponseError
        assert "came from a cache or a recording" in error.message
        assert server.heads == []
        with responses.RequestsMock() as mock:
            mock.add_passthru(server.url)
            assert not reader.get_credits().simulated


def test_foreign_connection_is_no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that isn't derived from urllib3's may have its answer from anywhere."""

    class Foreign:
        def __init__(self, **options: Any) -> None:
            self.sock, self.timeout, self.proxy, self.is_closed = None, None, None, True
            self.host, self.port = options["host"], options["port"]

        def request(self, *args: object, **kwargs: object) -> None: ...

        def close(self) -> None: ...

        def getresponse(self) -> urllib3.HTTPResponse:
            return urllib3.HTTPResponse(response(READING).partition(b"\r\n\r\n")[2], preload_content=False)

    monkeypatch.setattr(urllib3.HTTPConnectionPool, "ConnectionCls", Foreign)
    with EvoLinkClient(KEY, base_url="http://127.0.0.1:9") as reader:
        error = failure_of(reader)
    assert type(error) is errors.InvalidResponseError
    assert "came from a cache or a recording" in error.message
