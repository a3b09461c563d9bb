"""What goes over a connection: what is sent, to which server, over how many connections."""

from __future__ import annotations

import json
import threading
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from evolink_nb import __version__, errors
from evolink_nb.api.client import EvoLinkClient
from tests.support.failing_server import (
    GOOD,
    KEY,
    READING,
    FailingServer,
    Reply,
    loopback_certificate,
    response,
)

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer

CREDITS = "/v1/credits"


def test_request_is_the_documented_one() -> None:
    with FailingServer(GOOD) as server, server.client() as reader:
        assert not reader.get_credits().simulated
    assert server.heads[0].startswith("GET /v1/credits HTTP/1.1\r\n")
    assert server.header("Authorization") == [f"Bearer {KEY}"]
    assert server.header("Accept") == ["application/json"]
    (agent,) = server.header("User-Agent")
    assert agent.startswith(f"evolink-nb/{__version__} ")
    assert server.header("Cookie") == []
    assert server.header("Accept-Encoding") == ["identity"]
    assert server.header("Cache-Control") == ["no-cache, no-store"]
    assert server.header("Pragma") == ["no-cache"]


@pytest.mark.parametrize("base", ["{}", "{}/", "{}/v1", "{}/v1/", " {} "])
def test_base_url_may_have_many_forms(base: str) -> None:
    with FailingServer(GOOD) as server, EvoLinkClient(KEY, base_url=base.format(server.url)) as reader:
        reader.get_credits()
        assert reader.base_url == server.url
    assert server.heads[0].startswith("GET /v1/credits ")


def test_path_of_a_gateway_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with FailingServer(GOOD) as server:
        monkeypatch.setenv("EVOLINK_BASE_URL", f"{server.url}/evolink/v1")
        monkeypatch.setenv("EVOLINK_API_KEY", KEY)
        with EvoLinkClient() as reader:
            reader.get_credits()
    assert server.heads[0].startswith("GET /evolink/v1/credits ")


def test_many_reads_share_one_connection() -> None:
    with FailingServer(GOOD) as server, server.client() as reader:
        for _ in range(20):
            reader.get_credits()
    assert (len(server.heads), server.connections) == (20, 1)


def test_reads_from_many_threads_succeed(reader: EvoLinkClient, demo_server: DemoServer) -> None:
    read: list[Decimal] = []
    threads = [threading.Thread(target=lambda: read.append(reader.get_credits().spendable)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == [Decimal("1095.3996")] * 8
    assert demo_server.requests_seen[CREDITS] == 8


def test_closed_connection_is_replaced() -> None:
    with FailingServer(Reply(response(READING), hang_up=True)) as server, server.client() as reader:
        for _ in range(3):
            reader.get_credits()
            server.wait_until_all_closed()
    assert (len(server.heads), server.connections) == (3, 3)


def test_closed_client_can_read_again() -> None:
    with FailingServer(GOOD) as server, server.client() as reader:
        reader.get_credits()
        reader.close()
        server.wait_until_all_closed()
        reader.close()
        reader.get_credits()
    assert server.connections == 2


def test_chunked_response_is_read() -> None:
    body = json.dumps(READING).encode()
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"".join(
        b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:9], body[9:], b"")
    )
    with FailingServer(Reply(chunked)) as server, server.client() as reader:
        assert reader.get_credits().spendable == Decimal("1095.3996")
        assert reader.get_credits().spendable == Decimal("1095.3996")
    assert server.connections == 1


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
def test_no_redirect_is_followed(status: str) -> None:
    with FailingServer(GOOD) as target:
        away = Reply(response(status=status, location=f"{target.url}{CREDITS}"))
        with FailingServer(away) as server, server.client() as reader:
            with pytest.raises(errors.APIStatusError, match="Redirects are not followed") as caught:
                reader.get_credits()
            assert caught.value.status == int(status[:3])
    assert (len(server.heads), target.connections) == (1, 0)


def test_no_cookie_is_kept_or_sent() -> None:
    with (
        FailingServer(Reply(response(READING, set_cookie=f"echo={KEY}; path=/"))) as server,
        server.client() as reader,
    ):
        reader.get_credits()
        reader.get_credits()
    assert server.header("Cookie") == []


@pytest.mark.parametrize("secure", [True, False], ids=["https", "http"])
def test_netrc_cannot_replace_the_key(
    secure: bool, clean_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = clean_environment / ".netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\ndefault login any password one\n")
    netrc.chmod(0o600)
    certificate, tls = loopback_certificate(clean_environment)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with FailingServer(GOOD, tls=tls if secure else None) as server, server.client() as reader:
        # requests by itself lets the file win over the header: so this is a file that counts.
        requests.get(server.url, headers={"Authorization": f"Bearer {KEY}"}, timeout=10).close()
        reader.get_credits()
    assert server.header("Authorization")[0].startswith("Basic ")
    assert server.header("Authorization")[1] == f"Bearer {KEY}"


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_loopback_request_avoids_the_proxy(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with FailingServer(GOOD) as proxy, FailingServer(GOOD) as server:
        monkeypatch.setenv(variable, proxy.url)
        with server.client() as reader:
            reader.get_credits()
    assert (len(server.heads), proxy.connections) == (1, 0)


def test_https_request_uses_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with FailingServer(Reply(response(status="407 Proxy Authentication Required"), hang_up=True)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        reader = EvoLinkClient(KEY, base_url="https://api.evolink.test")
        with reader, pytest.raises(errors.APIConnectionError, match="the proxy did not let it through"):
            reader.get_credits()
    assert proxy.heads[0].startswith("CONNECT api.evolink.test:443 ")
    assert KEY not in "".join(proxy.heads)
