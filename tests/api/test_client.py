"""A reading over a real connection: what is sent, to whom, over how many connections, how often."""

from __future__ import annotations

import gzip
import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from evolink_nb import __version__, errors
from evolink_nb.api import client
from evolink_nb.api.client import EvoLinkClient
from evolink_nb.api.credentials import Secret
from evolink_nb.demo import Account, DemoServer, Fault
from tests.support.failing_server import (
    GOOD,
    KEY,
    READING,
    SILENCE,
    FailingServer,
    Reply,
    loopback_certificate,
    request_threads,
    response,
)

CREDITS = "/v1/credits"


def header(server: FailingServer, name: str) -> list[str]:
    """The values of a header in the requests that a server got."""
    lines = [line for head in server.heads for line in head.splitlines()]
    return [line.partition(": ")[2] for line in lines if line.lower().startswith(f"{name.lower()}: ")]


def test_a_read_gives_the_documented_example_exactly(reader: EvoLinkClient) -> None:
    before = datetime.now(UTC)
    credits = reader.get_credits()
    assert (credits.user.remaining, credits.user.used) == (Decimal("1095.3996"), Decimal("135.9048"))
    assert (credits.token.remaining, credits.token.used) == (Decimal("99416.4429"), Decimal("583.5571"))
    assert (credits.spendable, credits.binding) == (Decimal("1095.3996"), "user")
    assert before <= credits.read_at <= datetime.now(UTC)
    assert credits.simulated


def test_what_is_spent_shows_at_the_next_read(reader: EvoLinkClient, demo_server: DemoServer) -> None:
    first = reader.get_credits()
    demo_server.account.spend("1.36")
    assert reader.get_credits().spendable - first.spendable == Decimal("-1.36")


def test_unlimited_and_overdrawn_accounts_are_read_as_they_are() -> None:
    account = Account(unlimited=True, frozen=True, user_remaining="0.5")
    with DemoServer(account) as server, EvoLinkClient(server.key, base_url=server.url) as reader:
        server.account.spend("3")
        credits = reader.get_credits()
    assert (credits.token.unlimited, credits.binding, credits.spendable) == (True, "user", Decimal("-2.5"))


def test_the_request_is_the_documented_one_with_a_name_of_its_own() -> None:
    with FailingServer(GOOD) as server, server.client() as reader:
        assert not reader.get_credits().simulated
    assert server.heads[0].startswith("GET /v1/credits HTTP/1.1\r\n")
    assert header(server, "Authorization") == [f"Bearer {KEY}"]
    assert header(server, "Accept") == ["application/json"]
    (agent,) = header(server, "User-Agent")
    assert agent.startswith(f"evolink-nb/{__version__} ")
    assert header(server, "Cookie") == []


def test_many_reads_share_one_connection() -> None:
    with FailingServer(GOOD) as server, server.client() as reader:
        for _ in range(20):
            reader.get_credits()
    assert (len(server.heads), server.connections) == (20, 1)


def test_reads_from_many_threads_all_succeed(reader: EvoLinkClient, demo_server: DemoServer) -> None:
    read: list[Decimal] = []
    threads = [threading.Thread(target=lambda: read.append(reader.get_credits().spendable)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == [Decimal("1095.3996")] * 8
    assert demo_server.requests_seen[CREDITS] == 8


def test_a_connection_closed_meanwhile_is_replaced() -> None:
    with FailingServer(Reply(response(READING), hang_up=True)) as server, server.client() as reader:
        for _ in range(3):
            reader.get_credits()
            server.wait_until_all_have_left()
    assert (len(server.heads), server.connections) == (3, 3)


@pytest.mark.parametrize("base", ["{}", "{}/", "{}/v1", "{}/v1/", " {} "])
def test_the_base_url_may_be_given_in_many_forms(base: str) -> None:
    with FailingServer(GOOD) as server, EvoLinkClient(KEY, base_url=base.format(server.url)) as reader:
        reader.get_credits()
        assert reader.base_url == server.url
    assert server.heads[0].startswith("GET /v1/credits ")


def test_a_gateway_s_path_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with FailingServer(GOOD) as server:
        monkeypatch.setenv("EVOLINK_BASE_URL", f"{server.url}/evolink/v1")
        monkeypatch.setenv("EVOLINK_API_KEY", KEY)
        with EvoLinkClient() as reader:
            reader.get_credits()
    assert server.heads[0].startswith("GET /evolink/v1/credits ")


def test_a_compressed_answer_is_read() -> None:
    packed = gzip.compress(json.dumps(READING).encode())
    with FailingServer(Reply(response(packed, content_encoding="gzip"))) as server, server.client() as reader:
        assert reader.get_credits().spendable == Decimal("1095.3996")


def test_an_answer_in_chunks_is_read() -> None:
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
        assert list(reader._session.cookies) == []
    assert header(server, "Cookie") == []


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
    assert header(server, "Authorization")[0].startswith("Basic ")
    assert header(server, "Authorization")[1] == f"Bearer {KEY}"


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_proxy_is_never_handed_a_loopback_request(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with FailingServer(GOOD) as proxy, FailingServer(GOOD) as server:
        monkeypatch.setenv(variable, proxy.url)
        with server.client() as reader:
            reader.get_credits()
    assert (len(server.heads), proxy.connections) == (1, 0)


def test_an_https_request_goes_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with FailingServer(Reply(response(status="407 Proxy Authentication Required"), hang_up=True)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        reader = EvoLinkClient(KEY, base_url="https://api.evolink.test")
        with reader, pytest.raises(errors.APIConnectionError, match="the proxy did not let it through"):
            reader.get_credits()
    assert proxy.heads[0].startswith("CONNECT api.evolink.test:443 ")
    assert KEY not in "".join(proxy.heads)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "fault", [Fault(status=502), Fault(status=503), Fault(connection="close"), Fault(connection="reset")]
)
def test_what_may_pass_is_tried_twice_more(
    fault: Fault, reader: EvoLinkClient, demo_server: DemoServer
) -> None:
    demo_server.switch_on(replace(fault, times=2))
    assert reader.get_credits().spendable == Decimal("1095.3996")
    assert demo_server.requests_seen[CREDITS] == 3
    demo_server.switch_on(fault)
    with pytest.raises(errors.EvoLinkError):
        reader.get_credits()
    assert demo_server.requests_seen[CREDITS] == 6


def test_the_tries_follow_each_other_quickly(reader: EvoLinkClient, demo_server: DemoServer) -> None:
    demo_server.fault(status=503, times=2, retry_after=3000)
    begun = time.monotonic()
    reader.get_credits()
    assert 0.5 <= time.monotonic() - begun < 3


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 429, 500, 504])
def test_other_refusals_are_not_tried_again(
    status: int, reader: EvoLinkClient, demo_server: DemoServer
) -> None:
    demo_server.fault(status=status)
    with pytest.raises(errors.APIStatusError):
        reader.get_credits()
    assert demo_server.requests_seen[CREDITS] == 1


@pytest.mark.parametrize("body", ["empty", "html", "cut", "huge", "unsuccessful", "empty-object"])
def test_an_unreadable_answer_is_not_asked_for_again(
    body: str, reader: EvoLinkClient, demo_server: DemoServer
) -> None:
    demo_server.fault(body=body)
    with pytest.raises(errors.InvalidResponseError):
        reader.get_credits()
    assert demo_server.requests_seen[CREDITS] == 1


def test_closing_gives_up_a_read_under_way() -> None:
    with FailingServer(SILENCE) as server, server.client(timeout=60) as reader:
        given_up: list[BaseException] = []

        def read() -> None:
            with pytest.raises(errors.APIConnectionError, match="its client was closed") as caught:
                reader.get_credits()
            given_up.append(caught.value)

        reading = threading.Thread(target=read)
        reading.start()
        server.wait_for_requests(1)
        begun = time.monotonic()
        reader.close()
        reading.join(10)
        assert time.monotonic() - begun < 2
        server.wait_until_all_have_left()
    assert given_up
    assert len(server.heads) == 1


def test_a_read_given_up_says_so_however_soon_it_is_cut_off(
    reader: EvoLinkClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off() -> errors.EvoLinkError:
        reader._closing.set()
        return errors.APIConnectionError("the connection broke")

    monkeypatch.setattr(reader, "_exchange", cut_off)
    with pytest.raises(errors.APIConnectionError, match="its client was closed"):
        reader.get_credits()


def test_closing_gives_up_the_wait_before_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "RETRY_DELAYS", (60.0, 60.0))
    with FailingServer(Reply(response(status="503 Busy"), hang_up=True)) as server, server.client() as reader:
        outcome: list[BaseException] = []

        def read() -> None:
            with pytest.raises(errors.ServerError) as caught:
                reader.get_credits()
            outcome.append(caught.value)

        reading = threading.Thread(target=read)
        reading.start()
        server.wait_for_requests(1)
        for thread in request_threads():
            thread.join(10)
        reader.close()
        reading.join(10)
        assert outcome


def test_a_closed_client_can_read_again() -> None:
    with FailingServer(GOOD) as server, server.client() as reader:
        reader.get_credits()
        reader.close()
        server.wait_until_all_have_left()
        reader.close()
        reader.get_credits()
    assert server.connections == 2


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), 1e10])
def test_a_timeout_that_cannot_be_kept_is_refused(timeout: float) -> None:
    with pytest.raises(errors.ConfigurationError, match="timeout must be"):
        EvoLinkClient(KEY, timeout=timeout)


def test_without_a_key_there_is_no_client() -> None:
    with pytest.raises(errors.ConfigurationError, match="No EvoLink API key"):
        EvoLinkClient()


def test_two_clients_are_told_apart_by_base_url_and_key_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", KEY)
    here, there = "https://here.example", "https://there.example"
    same = [EvoLinkClient(KEY, base_url=here), EvoLinkClient(Secret(KEY), base_url=f"{here}/v1", timeout=3)]
    same.append(EvoLinkClient(base_url=here))
    other = [EvoLinkClient(KEY, base_url=there), EvoLinkClient(f"{KEY}-2", base_url=here)]
    assert len({reader.identity for reader in same}) == 1
    assert len({reader.identity for reader in same + other}) == 3
    assert not any(KEY in reader.identity or here in reader.identity for reader in same)


def test_an_experiment_can_use_the_key_without_seeing_it(
    demo_server: DemoServer, reader: EvoLinkClient
) -> None:
    answer = requests.post(
        f"{reader.base_url}/v1/images/generations",
        json={"model": "gpt-4o-image", "prompt": "x"},
        auth=reader.auth,
        timeout=10,
    )
    assert answer.status_code == 200
    assert demo_server.key not in repr(vars(answer.request))
