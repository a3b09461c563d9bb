"""The simulated account within this process: what a client and an experiment reach without a socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from evolink_nb import EvoLinkClient, errors
from evolink_nb.api import adapters, settings
from evolink_nb.api.calls import calls
from evolink_nb.demo import Fault, process_api

IMAGE = {"model": "z-image-turbo", "prompt": "a lighthouse", "n": 1}


@pytest.fixture
def client() -> Iterator[EvoLinkClient]:
    process_api.cache_clear()
    with EvoLinkClient(process_api().key, base_url=settings.IN_PROCESS_URL, timeout=30.0) as client:
        yield client
    process_api.cache_clear()


def order(client: EvoLinkClient, **options: object) -> requests.Response:
    url = f"{client.base_url}/v1/images/generations"
    with client.session() as session:
        return session.post(url, json=IMAGE, auth=client.auth, timeout=30, **options)  # type: ignore[arg-type]


def test_it_reads_without_a_socket(client: EvoLinkClient) -> None:
    reading = client.get_credits()
    assert reading.simulated
    assert reading.spendable > 0


def test_its_calls_spend_what_it_reads(client: EvoLinkClient) -> None:
    before = client.get_credits()
    answer = order(client)
    reserved = answer.json()["usage"]["credits_reserved"]
    assert float(before.user.remaining - client.get_credits().user.remaining) == reserved
    [call] = calls.recent(client.identity)
    assert float(call.reserved or 0) == reserved


def test_a_streamed_answer_arrives_whole(client: EvoLinkClient) -> None:
    with order(client, stream=True) as answer:
        assert b"".join(answer.iter_content(10)).startswith(b"{")


def test_an_unknown_key_is_refused(client: EvoLinkClient) -> None:
    with pytest.raises(errors.AuthenticationError):
        EvoLinkClient("not-a-real-key", base_url=client.base_url).get_credits()


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(connection="reset"), errors.APIConnectionError),
        (Fault(connection="refuse"), errors.APIConnectionError),
        (Fault(latency=30), errors.APITimeoutError),
        (Fault(body="cut"), errors.InvalidResponseError),
        (Fault(status=503, retry_after=60), errors.ServerError),
    ],
    ids=["reset", "refused", "late", "cut", "unavailable"],
)
def test_faults_reach_the_client(client: EvoLinkClient, fault: Fault, kind: type[Exception]) -> None:
    process_api().faults.switch_on(fault)
    client.timeout = 1.0
    with pytest.raises(kind):
        client.get_credits()


def test_elsewhere_a_session_is_ordinary() -> None:
    session = adapters.session_for("https://api.evolink.ai")
    assert session.adapters.keys() == requests.Session().adapters.keys()


def test_without_sockets_the_demo_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "HAS_SOCKETS", False)
    found = settings.connection(demo=True)
    assert (found.base_url, found.source) == (settings.IN_PROCESS_URL, "demo")
