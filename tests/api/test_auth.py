"""`client.auth` with requests, httpx and OpenAI's SDK: calls that are known, and a key that is not seen."""

from __future__ import annotations

import asyncio
import gc
import http.client
import pickle
import threading
import traceback
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import openai
import pytest
import requests
from urllib3.util import Retry

from evolink_nb.api.auth import GuardedAuth, is_lookup
from evolink_nb.api.calls import Call, calls
from tests.support.failing_server import KEY, FailingServer, Reply, response
from tests.support.paid_server import PaidServer
from tests.support.secrecy import texts_in
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from evolink_nb import EvoLinkClient

IMAGES = "/v1/images/generations"
CHAT: Any = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def server() -> Iterator[PaidServer]:
    """A server that charges for calls."""
    with PaidServer() as server:
        yield server


@pytest.fixture
def client(server: PaidServer) -> Iterator[EvoLinkClient]:
    """A client of that server."""
    with server.client() as client:
        yield client


class Refusal(BaseException):
    """What an observer raises that lets no call out."""


class Refusing:
    """Refuses each call."""

    def before_call(self, _identity: str) -> None:
        pass

    def call_begins(self, _call: Call) -> None:
        raise Refusal

    def call_ended(self, _call: Call) -> None:
        """Let the calls end that had begun before."""


@pytest.fixture
def refusing() -> Iterator[None]:
    """Let no call out."""
    observer = Refusing()
    calls.add_observer(observer)
    yield
    calls.remove_observer(observer)


def by_requests(client: EvoLinkClient, path: str = IMAGES) -> Any:
    return requests.post(client.base_url + path, auth=client.auth, json={}, timeout=10).json()


def by_session(client: EvoLinkClient, path: str = IMAGES) -> Any:
    with requests.Session() as session:
        session.auth = client.auth
        with session.post(client.base_url + path, json={}, stream=True, timeout=10) as answer:
            return answer.json()


def by_httpx(client: EvoLinkClient, path: str = IMAGES) -> Any:
    with httpx.Client(auth=client.auth, follow_redirects=True) as http:
        return http.post(client.base_url + path, json={}).json()


def by_httpx2(client: EvoLinkClient, path: str = IMAGES) -> Any:
    with httpx2.Client(follow_redirects=True) as http:
        return http.post(client.base_url + path, json={}, auth=client.auth).json()


def by_httpx_stream(client: EvoLinkClient, path: str = IMAGES) -> Any:
    with (
        httpx.Client(auth=client.auth, follow_redirects=True) as http,
        http.stream("POST", client.base_url + path) as answer,
    ):
        raw = b"".join(answer.iter_raw())
        return httpx.Response(200, headers=answer.headers, content=raw).json()


def by_async_httpx(client: EvoLinkClient, path: str = IMAGES) -> Any:
    async def call() -> Any:
        async with httpx.AsyncClient(auth=client.auth, follow_redirects=True) as http:
            return (await http.post(client.base_url + path, json={})).json()

    return asyncio.run(call())


WAYS = [by_requests, by_session, by_httpx, by_httpx2, by_httpx_stream, by_async_httpx]
each_way = pytest.mark.parametrize("way", WAYS)
Way = Callable[..., Any]


def only_call(client: EvoLinkClient) -> Call:
    [call] = calls.recent(client.identity)
    return call


@each_way
def test_a_call_is_known_with_its_receipt(client: EvoLinkClient, way: Way) -> None:
    assert way(client)["id"] == "task-1"
    call = only_call(client)
    assert call.reserved == 1
    assert call.ended_at is not None
    assert call.began_at <= call.ended_at


@each_way
def test_a_compressed_receipt_is_read(server: PaidServer, client: EvoLinkClient, way: Way) -> None:
    server.encoding = "gzip"
    assert way(client)["id"] == "task-1"
    assert only_call(client).reserved == 1


@each_way
@pytest.mark.usefixtures("refusing")
def test_a_refused_call_is_not_sent(server: PaidServer, client: EvoLinkClient, way: Way) -> None:
    with pytest.raises(Refusal):
        way(client)
    assert server.charged == 0
    assert calls.recent(client.identity) == []


@each_way
def test_a_redirected_call_is_one_call(server: PaidServer, client: EvoLinkClient, way: Way) -> None:
    assert way(client, "/moved")["id"] == "task-1"
    assert server.charged == 1
    assert only_call(client).reserved == 1


@each_way
def test_a_rejected_call_reserves_nothing(server: PaidServer, client: EvoLinkClient, way: Way) -> None:
    way(client, "/refused")
    assert server.charged == 0
    assert only_call(client).reserved == 0


@each_way
def test_a_broken_call_has_ended(way: Way) -> None:
    with FailingServer(Reply(hang_up=True)) as broken, broken.client() as client:
        with pytest.raises((requests.RequestException, httpx.TransportError, httpx2.TransportError)):
            way(client)
        gc.collect()
        call = only_call(client)
        assert call.ended_at is not None
        assert call.reserved is None


@pytest.mark.usefixtures("refusing")
def test_looking_up_is_no_call(client: EvoLinkClient) -> None:
    """What is paid for can be fetched when the budget is spent, and the balance read."""
    task = f"{client.base_url}/v1/tasks/task-1"
    assert requests.get(task, auth=client.auth, timeout=10).json()["status"] == "completed"
    assert httpx.get(task, auth=client.auth).json()["status"] == "completed"
    client.get_credits()
    assert calls.recent(client.identity) == []


@pytest.mark.parametrize(
    ("method", "url", "expected"),
    [
        ("GET", "https://api.evolink.ai/v1/tasks/1", True),
        ("head", "https://gateway.example/evolink/v1/models", True),
        ("POST", "https://api.evolink.ai/v1/images/generations", False),
        ("GET", "https://api.evolink.ai/generate?path=/v1/", False),
        (None, "https://api.evolink.ai/v1/tasks/1", False),
    ],
)
def test_what_counts_as_looking_up(method: str | None, url: str, *, expected: bool) -> None:
    assert is_lookup(method, url) is expected


def test_a_prepared_request_sent_again(server: PaidServer, client: EvoLinkClient) -> None:
    """Each time that a request was answered is a call, and may be refused."""
    with requests.Session() as session:
        asked = requests.Request("POST", client.base_url + IMAGES, auth=client.auth)
        prepared = session.prepare_request(asked)
        session.send(prepared, timeout=10)
        session.send(prepared, timeout=10)
        assert [call.reserved for call in calls.recent(client.identity)] == [1, 1]
        observer = Refusing()
        calls.add_observer(observer)
        with pytest.raises(Refusal):
            session.send(prepared, timeout=10)
        calls.remove_observer(observer)
    assert server.charged == 2


def test_a_retry_of_urllib3_is_one_call() -> None:
    busy, good = Reply(response(status="503 Busy")), Reply(response({"usage": {"credits_reserved": 2.5}}))
    retry = Retry(total=2, status_forcelist=[503], allowed_methods=None, backoff_factor=0)
    with FailingServer(busy, good) as failing, failing.client() as client, requests.Session() as session:
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retry))
        session.post(failing.url, auth=client.auth, timeout=10)
        assert len(failing.heads) == 2
        assert only_call(client).reserved == Decimal("2.5")


def test_a_failure_that_is_kept_has_ended() -> None:
    """A notebook keeps the last exception, and with it the request: the thread's next call ends it."""
    with FailingServer(Reply(hang_up=True)) as broken, broken.client() as failing:
        with pytest.raises(requests.ConnectionError) as kept:
            by_requests(failing)
        assert kept.value.request is not None
        [call] = calls.under_way(failing.identity)
        with pytest.raises(requests.ConnectionError):
            by_requests(failing)
        assert call.ended_at is not None


def test_events_are_never_read_ahead(client: EvoLinkClient) -> None:
    url = f"{client.base_url}/events"
    with requests.post(url, auth=client.auth, stream=True, timeout=10) as answer:
        assert next(answer.iter_lines(chunk_size=1)).startswith(b"data:")
    with httpx.Client(auth=client.auth) as http, http.stream("POST", url) as streamed:
        assert next(streamed.iter_lines()).startswith("data:")
    del answer
    gc.collect()
    assert [(call.is_under_way, call.reserved) for call in calls.recent(client.identity)] == [
        (False, None)
    ] * 2


def test_a_dropped_answer_ends_the_call(client: EvoLinkClient) -> None:
    requests.post(f"{client.base_url}/events", auth=client.auth, stream=True, timeout=10)
    with httpx.Client(auth=client.auth) as http:
        http.send(http.build_request("POST", f"{client.base_url}/events"), stream=True)
    gc.collect()
    assert calls.under_way(client.identity) == []


def test_openai_makes_guarded_calls(server: PaidServer, client: EvoLinkClient) -> None:
    http: Any = httpx.Client(auth=client.auth)
    with openai.OpenAI(api_key="unused", base_url=f"{client.base_url}/v1", http_client=http) as ai:
        assert ai.chat.completions.create(**CHAT).choices[0].message.content == "1"
    assert only_call(client).reserved == 1
    assert server.paths == ["/v1/chat/completions"]


def test_async_openai_makes_guarded_calls(client: EvoLinkClient) -> None:
    async def call() -> str:
        http = httpx2.AsyncClient(auth=client.auth)
        async with openai.AsyncOpenAI(
            api_key="unused", base_url=f"{client.base_url}/v1", http_client=http
        ) as ai:
            answer = await ai.chat.completions.create(**CHAT)
            return str(answer.choices[0].message.content)

    assert asyncio.run(call()) == "1"
    assert only_call(client).reserved == 1


def test_a_stand_in_of_httpx_is_guarded(client: EvoLinkClient) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"usage": {"credits_reserved": 3}}))
    with httpx.Client(auth=client.auth, transport=transport) as http:
        http.post(client.base_url)
    assert only_call(client).reserved == 3


def test_an_auth_taken_early_is_guarded(server: PaidServer, client: EvoLinkClient) -> None:
    """Taken before httpx was imported, it is any function to httpx, and still lets the calls be refused."""
    early = GuardedAuth(client._key, client.identity)
    with httpx.Client(auth=early) as http:
        http.post(client.base_url + IMAGES)
        gc.collect()
        assert not only_call(client).is_under_way
        observer = Refusing()
        calls.add_observer(observer)
        with pytest.raises(Refusal):
            http.post(client.base_url + IMAGES)
        calls.remove_observer(observer)
    assert server.charged == 1


def test_threads_end_only_their_own_calls(client: EvoLinkClient, server: PaidServer) -> None:
    server.delay = 0.2
    threads = [threading.Thread(target=by_requests, args=[client]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [call.reserved for call in calls.recent(client.identity)] == [1] * 4


def test_a_refused_task_lets_the_others_end(server: PaidServer, client: EvoLinkClient) -> None:
    """What it raises may end the loop, and with it tasks whose answers are paid for."""
    server.delay = 0.5
    answers: list[Any] = []

    async def call(http: httpx.AsyncClient) -> None:
        answers.append((await http.post(client.base_url + IMAGES)).json())

    async def main() -> None:
        async with httpx.AsyncClient(auth=client.auth) as http:
            paid = [asyncio.create_task(call(http)) for _ in range(3)]
            await asyncio.to_thread(wait_until, lambda: server.charged == 3)
            observer = Refusing()
            calls.add_observer(observer)
            try:
                await asyncio.gather(*paid, call(http))
            finally:
                calls.remove_observer(observer)

    with pytest.raises(Refusal):
        asyncio.run(main())
    assert len(answers) == server.charged == 3


def test_a_refused_task_waits_for_no_thread(
    server: PaidServer, client: EvoLinkClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor for a call that failed, and is only known to have ended once the thread makes another."""
    prepared = requests.Request("POST", client.base_url + IMAGES, auth=client.auth).prepare()
    [call] = calls.under_way(client.identity)
    observer = Refusing()
    calls.add_observer(observer)
    monkeypatch.setattr("evolink_nb.api.auth.PATIENCE", 3600.0)
    with pytest.raises(Refusal):
        by_async_httpx(client)
    calls.remove_observer(observer)
    assert call.is_under_way
    assert prepared.hooks
    assert server.charged == 0


# -- the key -------------------------------------------------------------------------------------------------


def sent_by_requests(client: EvoLinkClient) -> Any:
    return requests.post(client.base_url + IMAGES, auth=client.auth, json={}, timeout=10)


def sent_by_httpx(client: EvoLinkClient) -> Any:
    return httpx.post(client.base_url + IMAGES, auth=client.auth)


@pytest.mark.parametrize("send", [sent_by_requests, sent_by_httpx])
def test_no_answer_shows_the_key(send: Callable[[EvoLinkClient], Any]) -> None:
    with FailingServer(Reply(response({}))) as server, server.client() as client:
        answer = send(client)
        assert f"Bearer {KEY}" in server.heads[0]
        headers = answer.request.headers
        shown = [
            *texts_in(answer),
            *texts_in(dict(headers)),
            f"{headers['Authorization']}",
            str(list(headers.items())),
        ]
        assert not [text for text in shown if KEY in text]
        pickled = pickle.dumps(answer)
        assert KEY.encode() not in pickled
        kept = pickle.loads(pickled)  # noqa: S301 - made a line above
        assert kept.request.headers["authorization"] == "Bearer ***"


def test_debugging_output_hides_the_key(
    server: PaidServer,
    client: EvoLinkClient,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    with requests.Session() as session:
        for _ in range(2):
            # Over a connection that is kept alive, too.
            session.post(client.base_url + IMAGES, auth=client.auth, json={}, timeout=10)
    printed = capsys.readouterr().out
    assert printed.count("Authorization: Bearer ***") == server.charged == 2
    assert not [text for text in texts_in(printed) if client._key.reveal() in text]


def test_a_stand_in_stays_for_one_request() -> None:
    """What a connection sends is its own again once the header has been sent; a request may be given up."""
    with FailingServer(Reply(response({}))) as server, server.client() as client:
        lookup = requests.Request("GET", f"{server.url}/v1/tasks/1", auth=client.auth).prepare()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.putrequest("GET", "/v1/tasks/1")
        connection.putheader("X-Other", lookup.headers["Authorization"])
        connection.putheader("Authorization", lookup.headers["Authorization"])
        connection.endheaders()
        assert connection.getresponse().read()
        assert "send" not in vars(connection)
        connection.request("GET", "/v1/tasks/1", headers=dict(lookup.headers), body=b"Bearer ***\r\n")
        assert connection.getresponse().read()
        connection.close()
        assert server.header("X-Other") == [f"Bearer {KEY}"]
        assert server.header("Authorization") == [f"Bearer {KEY}"] * 2


def test_no_auth_object_shows_the_key(client: EvoLinkClient) -> None:
    assert not [text for text in texts_in(client.auth) if KEY in text]
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(client.auth)
    assert client.auth is client.auth


@each_way
@pytest.mark.usefixtures("refusing")
def test_a_refusal_shows_no_key(client: EvoLinkClient, way: Way) -> None:
    with pytest.raises(Refusal) as caught:
        way(client)
    lines = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    assert KEY not in "".join(lines)
