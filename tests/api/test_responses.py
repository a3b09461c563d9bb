"""What a response says: the reading, or the one error for it."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from evolink_nb import errors
from evolink_nb.api.credentials import Secret
from evolink_nb.api.responses import MAX_TEXT, Response, parse_response, sanitize
from evolink_nb.credits import Credits
from tests.support.failing_server import KEY, READING

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
redact = Secret(KEY).redact


def read(
    content: object, status: int = 200, headers: dict[str, str] | None = None
) -> Credits | errors.EvoLinkError:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return parse_response(Response(status, CaseInsensitiveDict(headers or {}), body, NOW), redact)


def failed(
    content: object, status: int = 200, headers: dict[str, str] | None = None
) -> errors.APIStatusError:
    error = read(content, status, headers)
    assert isinstance(error, errors.APIStatusError)
    return error


def unreadable(content: object, status: int = 200) -> str:
    error = read(content, status)
    assert type(error) is errors.InvalidResponseError
    return str(error)


@pytest.mark.parametrize(
    "body", [json.dumps(READING).encode(), b"\xef\xbb\xbf\n" + json.dumps(READING).encode()]
)
@pytest.mark.parametrize("status", [200, 203])
def test_reading_is_read_from_a_success(body: bytes, status: int) -> None:
    credits = read(body, status)
    assert isinstance(credits, Credits)
    assert (credits.spendable, credits.read_at, credits.simulated) == (Decimal("1095.3996"), NOW, False)


def test_reading_carries_its_monotonic_times() -> None:
    body = json.dumps(READING).encode()
    credits = parse_response(Response(200, {}, body, NOW, requested_at=7.0, monotonic=7.5), redact)
    assert isinstance(credits, Credits)
    assert (credits.requested_at, credits.monotonic) == (7.0, 7.5)


def test_demo_header_marks_a_reading() -> None:
    credits = read(READING, headers={"X-Evolink-Demo": "simulated"})
    assert isinstance(credits, Credits)
    assert credits.simulated


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (400, errors.BadRequestError),
        (404, errors.NotFoundError),
        (405, errors.APIStatusError),
        (429, errors.RateLimitError),
        (500, errors.ServerError),
        (502, errors.ServerError),
        (503, errors.ServerError),
        (599, errors.ServerError),
        (302, errors.APIStatusError),
        (799, errors.ServerError),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"[]", b"null", b'{"error": 3}', b"\xff\xfe", b"[" * 99999]
)
def test_status_decides_whatever_the_body(status: int, cls: type[errors.APIStatusError], body: bytes) -> None:
    error = failed(body, status)
    assert (type(error), error.status, error.code, error.suggestion) == (cls, status, None, None)
    assert str(error).startswith(f"EvoLink answered {status}: {error.message}")


KEY_ERRORS = [
    (401, errors.AuthenticationError),
    (402, errors.PaymentRequiredError),
    (403, errors.PermissionDeniedError),
]


@pytest.mark.parametrize(("status", "cls"), KEY_ERRORS)
@pytest.mark.parametrize("body", [b"", b"{}", b"null", b'{"error": 3}', b'{"success": false}'])
def test_the_api_may_refuse_the_key(status: int, cls: type[errors.APIStatusError], body: bytes) -> None:
    assert type(failed(body, status, {"Content-Type": "application/json"})) is cls


@pytest.mark.parametrize("status", [401, 402, 403])
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"<!DOCTYPE html><title>Just a moment...</title>", {"Content-Type": "text/html; charset=UTF-8"}),
        (b"<html>Access denied", {}),
        (b"", {"Content-Type": "text/html"}),
        (b"", {"cf-mitigated": "challenge"}),
        (b"RBAC: access denied", {"Content-Type": "text/plain"}),
        (b'{"message": "Forbidden"}', {"Content-Type": "application/json"}),
        (b'{"title": "Error 1020", "cloudflare_error": true}', {"Content-Type": "application/problem+json"}),
        (b"\xff\xfe", {}),
    ],
)
def test_a_proxy_says_nothing_of_the_key(status: int, body: bytes, headers: dict[str, str]) -> None:
    error = failed(body, status, headers)
    assert type(error) is errors.APIStatusError
    assert error.status == status
    assert "the key isn't the problem" in str(error)


def test_documented_error_keeps_all_fields() -> None:
    detail = {
        "code": 429,
        "message": "Rate limit exceeded",
        "type": "rate_limit_error",
        "param": "n",
        "fallback_suggestion": "retry after 60 seconds",
    }
    error = failed({"error": detail}, 429, {"X-Request-Id": "req-7"})
    assert vars(error) == {
        "message": "Rate limit exceeded",
        "hint": None,
        "shell_hint": None,
        "status": 429,
        "code": 429,
        "type": "rate_limit_error",
        "param": "n",
        "suggestion": "retry after 60 seconds",
        "request_id": "req-7",
        "retry_after": 60.0,
    }
    assert type(error.code) is int


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        (400, 400),
        ("invalid_task_id", "invalid_task_id"),
        ("400", "400"),
        (None, None),
        (True, None),
        ([], None),
        (4.5, None),
        (10**400, None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_error_code_is_a_number_or_a_word(code: object, kept: int | str | None) -> None:
    assert failed({"error": {"code": code, "message": "No"}}, 400).code == kept


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"error": {"message": "Not today"}}, "Not today"),
        ({"error": "Not today"}, "Not today"),
        ({"message": "Not today", "success": False}, "Not today"),
        ({"error": {"message": ""}, "message": "Not today"}, "Not today"),
        ({"error": {"message": 7}}, "Forbidden"),
        ({"detail": "Not today"}, "Forbidden"),
    ],
)
def test_message_is_found_in_many_places(content: dict[str, Any], message: str) -> None:
    assert failed(content, 403).message == message


@pytest.mark.parametrize("header", ["x-request-id", "X-Oneapi-Request-Id"])
def test_request_id_is_shown_for_support(header: str) -> None:
    assert "[request 20261122-x]" in str(failed({}, 500, {header: "20261122-x"}))
    error = read({}, 200, {header: "20261122-x"})
    assert isinstance(error, errors.InvalidResponseError)
    assert error.request_id == "20261122-x"


@pytest.mark.parametrize(
    ("code", "cls"),
    [
        (401, errors.AuthenticationError),
        ("402", errors.PaymentRequiredError),
        (429, errors.RateLimitError),
        (503, errors.ServerError),
    ],
)
@pytest.mark.parametrize(
    "beside", [{}, READING, {"success": True}], ids=["alone", "with a reading", "successful"]
)
def test_error_on_a_200_is_an_error(
    code: object, cls: type[errors.APIStatusError], beside: dict[str, Any]
) -> None:
    suggestion = "retry after 9 seconds"
    error = failed(beside | {"error": {"code": code, "message": "No", "fallback_suggestion": suggestion}})
    assert type(error) is cls
    assert (error.status, error.code, error.message, error.retry_after) == (int(str(code)), code, "No", 9.0)


@pytest.mark.parametrize("code", ["invalid_task_id", 200, 0, 7, 99999, None, "٤٠١"])
def test_unknown_code_on_a_200_is_unreadable(code: object) -> None:
    told = unreadable({"error": {"code": code, "message": "No", "fallback_suggestion": "ask again"}})
    assert told == "EvoLink answered 200 but reports a failure: No.\nEvoLink suggests: ask again."


def test_unsuccessful_200_is_an_error() -> None:
    told = unreadable(READING | {"success": False, "message": "Balance not available"})
    assert told.startswith("EvoLink answered 200 but reports a failure: Balance not available.")
    assert unreadable({"success": False}).startswith("EvoLink answered 200 but reports a failure.")


@pytest.mark.parametrize("error", [None, {}, "", False])
def test_empty_error_is_no_error(error: object) -> None:
    assert isinstance(read(READING | {"error": error}), Credits)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "it is empty"),
        (b" \r\n", "it is empty"),
        (b"<!doctype html><title>502</title>", "it is a web page, not JSON"),
        (b'{"data": {"token"', "it is not JSON, or is cut short"),
        (b"\xff\xfe{\x00}\x00", "it is not JSON, or is cut short"),
        (b"[" * 500_000, "it is not JSON, or is cut short"),
        (b"{}", "data is missing, not an object"),
        (b"[]", "data is missing, not an object"),
        (b"null", "data is missing, not an object"),
        (
            b'{"data": {"token": {}, "user": {}}}',
            "data.token.unlimited_credits is missing, not true or false",
        ),
    ],
)
def test_200_without_a_reading_says_why(body: bytes, why: str) -> None:
    told = unreadable(body)
    assert told.splitlines()[0] == f"EvoLink's answer can't be read: {why}."
    assert "EVOLINK_BASE_URL" in told.splitlines()[1]


def test_incomplete_body_is_not_read() -> None:
    whole = json.dumps(READING).encode()
    cut = parse_response(Response(200, {}, whole, NOW, problem="it was cut short"), redact)
    assert str(cut).startswith("EvoLink's answer can't be read: it was cut short.")
    refused = parse_response(Response(503, {}, b'{"error":', NOW, problem="it was cut short"), redact)
    assert isinstance(refused, errors.ServerError)
    assert refused.message == "Service Unavailable"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" two\r\nlines\tand \x1b[31mcolour\x07 ", "two lines and [31mcolour"),
        ("a\u2028b\x85c", "a b c"),
        ("right\u202eto\u2066left", "righttoleft"),
        ("half a pair \ud83d", "half a pair"),
        ("", None),
        ("\n", None),
        (7, None),
        (None, None),
        ("x" * 400, "x" * (MAX_TEXT - 1) + "…"),
    ],
)
def test_server_text_is_one_plain_line(text: object, shown: str | None) -> None:
    assert sanitize(text, redact) == shown


@pytest.mark.parametrize(
    "echo",
    [
        KEY,
        f"Bearer {KEY}",
        f"…{KEY}…{KEY}",
        f"{KEY[:5]}\u202a{KEY[5:]}",
        "x" * 290 + KEY,
        " " * 2990 + KEY,
    ],
    ids=["alone", "header", "twice", "split", "across the line's end", "across the text's end"],
)
def test_echoed_key_is_in_no_field(echo: str) -> None:
    detail = dict.fromkeys(("code", "message", "type", "param", "fallback_suggestion"), echo)
    for error in (read({"error": detail}, 401), read({"error": detail}), read({"error": echo}, 500)):
        assert isinstance(error, errors.EvoLinkError)
        told = f"{error} {vars(error)} {error.args}"
        # Not a part of it either: a text that is cut off must not end within the key.
        assert not any(KEY[:length] in told for length in (7, len(KEY)))
    assert KEY not in str(read({}, 500, {"x-request-id": KEY}))


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "code", "message", "success", "data", "type"]), inner)
    ),
    max_leaves=10,
)


@given(
    st.one_of(st.binary(), json_values.map(lambda value: json.dumps(value).encode())), st.integers(200, 599)
)
def test_any_body_is_a_reading_or_an_error(body: bytes, status: int) -> None:
    outcome = read(body, status)
    assert isinstance(outcome, Credits | errors.EvoLinkError)
    if isinstance(outcome, errors.EvoLinkError):
        lines = str(outcome).splitlines()
        assert 1 <= len(lines) <= 2
        kinds = {unicodedata.category(character) for line in lines for character in line}
        assert not kinds & {"Cc", "Cs", "Zl", "Zp"}
