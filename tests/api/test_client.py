"""A client of a real server: the reading or the error it gives, and how often it asks for it."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import requests

from evolink_nb import errors
from evolink_nb.api.client import EvoLinkClient, Timing
from evolink_nb.api.credentials import Secret
from evolink_nb.api.transport import THREAD_NAME
from evolink_nb.demo import Account, DemoServer, Fault
from tests.support import threads
from tests.support.failing_server import (
    GOOD,
    KEY,
    FailingServer,
    Reply,
    failure_of,
    response,
)

CREDITS = "/v1/credits"


def test_documented_example_is_read_exactly(reader: EvoLinkClient) -> None:
    before = datetime.now(UTC)
    credits = reader.get_credits()
    assert (credits.user.remaining, credits.user.used) == (Decimal("1095.3996"), Decimal("135.9048"))
    assert (credits.token.remaining, credits.token.used) == (Decimal("99416.4429"), Decimal("583.5571"))
    assert (credits.spendable, credits.binding) == (Decimal("1095.3996"), "user")
    assert before <= credits.read_at <= datetime.now(UTC)
    assert 0 < credits.requested_at <= credits.monotonic <= time.monotonic()
    assert credits.simulated


def test_spending_shows_at_the_next_read(reader: EvoLinkClient, demo_server: DemoServer) -> None:
    first = reader.get_credits()
    demo_server.account.spend("1.36")
    assert reader.get_credits().spendable - first.spendable == Decimal("-1.36")


def test_unlimited_overdrawn_account_is_read() -> None:
    account = Account(unlimited=True, frozen=True, user_remaining="0.5")
    with DemoServer(account) as server, EvoLinkClient(server.key, base_url=server.url) as reader:
        server.account.spend("3")
        credits = reader.get_credits()
    assert (credits.token.unlimited, credits.binding, credits.spendable) == (True, "user", Decimal("-2.5"))


@pytest.mark.parametrize(
    ("status", "cls", "message", "suggestion", "wait"),
    [
        (400, errors.BadRequestError, "Invalid request", None, None),
        (401, errors.AuthenticationError, "Invalid or expired token", None, None),
        (402, errors.PaymentRequiredError, "Insufficient credits", "top up the account", None),
        (403, errors.PermissionDeniedError, "Access denied", None, None),
        (404, errors.NotFoundError, "Not found", None, None),
        (429, errors.RateLimitError, "Rate limit exceeded", "retry after 60 seconds", 60.0),
        (500, errors.ServerError, "Internal server error", "try again later", None),
        (502, errors.ServerError, "Upstream service error", "try again later", None),
        (503, errors.ServerError, "Service temporarily unavailable", "retry after 30 seconds", 30.0),
    ],
)
def test_each_refusal_has_its_own_error(
    status: int,
    cls: type[errors.APIStatusError],
    message: str,
    suggestion: str | None,
    wait: float | None,
    reader: EvoLinkClient,
    demo_server: DemoServer,
) -> None:
    demo_server.fault(status=status)
    error = failure_of(reader)
    assert type(error) is cls
    assert (error.status, error.code, error.message) == (status, status, message)
    assert (error.suggestion, error.retry_after) == (suggestion, wait)
    first, *advice = str(error).splitlines()
    assert first == f"EvoLink answered {status}: {message} [request {error.request_id}]"
    assert suggestion is None or f"EvoLink suggests: {suggestion}." in advice[0]
    demo_server.clear_faults()
    assert reader.get_credits().simulated


def test_wrong_key_is_an_auth_error(demo_server: DemoServer) -> None:
    with EvoLinkClient(KEY, base_url=demo_server.url) as reader:
        error = failure_of(reader)
    assert type(error) is errors.AuthenticationError
    assert "EVOLINK_API_KEY" in str(error).splitlines()[1]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("empty", "it is empty"),
        ("html", "it is a web page, not JSON"),
        ("cut", "it was cut short"),
        ("huge", "it is larger than 1,048,576 bytes"),
        ("empty-object", "data is missing, not an object"),
        ("unsuccessful", "reports a failure: Balance not available"),
    ],
)
def test_200_without_a_reading_is_unreadable(
    body: str, why: str, reader: EvoLinkClient, demo_server: DemoServer
) -> None:
    demo_server.fault(body=body, times=1)
    error = failure_of(reader)
    assert type(error) is errors.InvalidResponseError
    assert why in str(error).splitlines()[0]
    assert error.request_id
    assert reader.get_credits().simulated


@pytest.mark.parametrize("body", ["empty", "html", "cut", "huge"])
def test_refusal_needs_no_documented_body(body: str, reader: EvoLinkClient, demo_server: DemoServer) -> None:
    demo_server.fault(status=429, body=body, retry_after=7)
    error = failure_of(reader)
    assert isinstance(error, errors.RateLimitError)
    assert (error.message, error.retry_after, error.suggestion) == ("Too Many Requests", 7.0, None)


@pytest.mark.parametrize("code", [401, "401"])
def test_error_on_a_200_is_its_own_error(
    code: int | str, reader: EvoLinkClient, demo_server: DemoServer
) -> None:
    quoted = f'"{code}"' if isinstance(code, str) else code
    demo_server.fault(text=f'{{"error": {{"code": {quoted}, "message": "Invalid token"}}}}')
    error = failure_of(reader)
    assert isinstance(error, errors.AuthenticationError)
    assert (error.code, error.message) == (code, "Invalid token")


@pytest.mark.parametrize(
    "number", ["NaN", "-Infinity", "1e400", "1e99999999999999999999", "true", '"12"', "null"]
)
def test_impossible_number_is_unreadable(number: str, reader: EvoLinkClient, demo_server: DemoServer) -> None:
    text = (
        '{"data": {"token": {"remaining_credits": 1, "used_credits": 1, "unlimited_credits": false},'
        ' "user": {"remaining_credits": %s, "used_credits": 1}}, "message": "", "success": true}'
    )
    demo_server.fault(text=text % number)
    error = failure_of(reader)
    assert type(error) is errors.InvalidResponseError
    assert demo_server.requests_seen["/v1/credits"] == 1


@pytest.mark.parametrize(
    "fault", [Fault(status=502), Fault(status=503), Fault(connection="close"), Fault(connection="reset")]
)
def test_passing_failure_is_tried_twice_more(
    fault: Fault, reader: EvoLinkClient, demo_server: DemoServer
) -> None:
    demo_server.switch_on(replace(fault, times=2))
    assert reader.get_credits().spendable == Decimal("1095.3996")
    assert demo_server.requests_seen[CREDITS] == 3
    demo_server.switch_on(fault)
    with pytest.raises(errors.EvoLinkError):
        reader.get_credits()
    assert demo_server.requests_seen[CREDITS] == 6


def test_tries_follow_each_other_quickly(demo_server: DemoServer) -> None:
    demo_server.fault(status=503, times=2)
    with EvoLinkClient(demo_server.key, base_url=demo_server.url) as reader:
        begun = time.monotonic()
        reader.get_credits()
    # Delays are lengthened by up to half; the machine may take any time on top.
    delays = Timing().retry_delays
    assert sum(delays) <= time.monotonic() - begun
    assert sum(delays) * 1.5 < 3


@pytest.mark.parametrize("status", [502, 503])
@pytest.mark.parametrize(("asked", "requests"), [(None, 2), (0, 2), (1, 1), (3000, 1)])
def test_wait_asked_for_is_respected(
    status: int, asked: int | None, requests: int, reader: EvoLinkClient, demo_server: DemoServer
) -> None:
    demo_server.fault(status=status, times=1, retry_after=asked)
    with contextlib.suppress(errors.ServerError):
        reader.get_credits()
    assert demo_server.requests_seen[CREDITS] == requests


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 429, 500, 504])
def test_other_refusals_are_not_retried(status: int, reader: EvoLinkClient, demo_server: DemoServer) -> None:
    demo_server.fault(status=status)
    with pytest.raises(errors.APIStatusError):
        reader.get_credits()
    assert demo_server.requests_seen[CREDITS] == 1


@pytest.mark.parametrize("body", ["empty", "html", "cut", "huge", "unsuccessful", "empty-object"])
def test_unreadable_response_is_not_retried(
    body: str, reader: EvoLinkClient, demo_server: DemoServer
) -> None:
    demo_server.fault(body=body)
    with pytest.raises(errors.InvalidResponseError):
        reader.get_credits()
    assert demo_server.requests_seen[CREDITS] == 1


def test_closing_cancels_the_next_try() -> None:
    busy = Reply(response(status="503 Busy"), hang_up=True)
    patient = Timing(retry_delays=(60.0, 60.0))
    with FailingServer(busy, GOOD) as server, server.client(timing=patient) as reader:
        outcome: list[BaseException] = []

        def read() -> None:
            with pytest.raises(errors.ServerError) as caught:
                reader.get_credits()
            outcome.append(caught.value)

        reading = threading.Thread(target=read)
        reading.start()
        server.wait_for_requests(1)
        for thread in threads.running(THREAD_NAME):
            thread.join(60)
        reader.close()
        # What begins after closing doesn't make what began before it go on.
        assert reader.get_credits().spendable == Decimal("1095.3996")
        reading.join(60)
        assert outcome
    assert len(server.heads) == 2


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), 1e10])
def test_impossible_timeout_is_refused(timeout: float) -> None:
    with pytest.raises(errors.ConfigurationError, match="timeout must be"):
        EvoLinkClient(KEY, timeout=timeout)


def test_client_needs_a_key() -> None:
    with pytest.raises(errors.ConfigurationError, match="No EvoLink API key"):
        EvoLinkClient()


def test_identity_is_of_base_url_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", KEY)
    here, there = "https://here.example", "https://there.example"
    same = [EvoLinkClient(KEY, base_url=here), EvoLinkClient(Secret(KEY), base_url=f"{here}/v1", timeout=3)]
    same.append(EvoLinkClient(base_url=here))
    other = [EvoLinkClient(KEY, base_url=there), EvoLinkClient(f"{KEY}-2", base_url=here)]
    assert len({reader.identity for reader in same}) == 1
    assert len({reader.identity for reader in same + other}) == 3
    assert not any(KEY in reader.identity or here in reader.identity for reader in same)


def test_auth_uses_the_key_unseen(demo_server: DemoServer, reader: EvoLinkClient) -> None:
    answer = requests.post(
        f"{reader.base_url}/v1/images/generations",
        json={"model": "gpt-4o-image", "prompt": "x"},
        auth=reader.auth,
        timeout=10,
    )
    assert answer.status_code == 200
    assert demo_server.key not in repr(vars(answer.request))
