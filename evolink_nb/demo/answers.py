"""What the simulated API says: answers as exact JSON, and the documented errors with their own words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any

DEMO_HEADER = "x-evolink-demo"
DEMO_HEADER_VALUE = "simulated"
"""Every answer carries this header, so that a reader marks what it reads as simulated."""

JSON_TYPE = "application/json"

#: Status: (type, message, fallback_suggestion).
DOCUMENTED_ERRORS: dict[int, tuple[str, str, str | None]] = {
    400: ("invalid_request_error", "Invalid request", None),
    401: ("authentication_error", "Invalid or expired token", None),
    402: ("insufficient_quota_error", "Insufficient credits", "top up the account"),
    403: ("permission_error", "Access denied", None),
    404: ("not_found_error", "Not found", None),
    413: ("request_too_large_error", "Request too large", None),
    429: ("rate_limit_error", "Rate limit exceeded", "retry after 60 seconds"),
    500: ("internal_server_error", "Internal server error", "try again later"),
    502: ("upstream_error", "Upstream service error", "try again later"),
    503: ("service_unavailable_error", "Service temporarily unavailable", "retry after 30 seconds"),
}


@dataclass(frozen=True)
class Answer:
    """One response before it is put on the wire."""

    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()


class RefusedError(Exception):
    """The call is turned down with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def json_answer(content: object, *, status: int = 200) -> Answer:
    """Give an answer whose numbers are written exactly: 1.36, never 1.3599999999999."""
    return Answer(status, json.dumps(content, default=_number, separators=(",", ":")).encode())


def error_answer(
    status: int,
    *,
    message: str | None = None,
    code: int | str | None = None,
    param: str | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> Answer:
    """Give the documented error of a status, in the envelope all errors share."""
    kind, documented_message, suggestion = DOCUMENTED_ERRORS.get(status) or _undocumented(status)
    error: dict[str, Any] = {
        "code": status if code is None else code,
        "message": message or documented_message,
        "type": kind,
    }
    if param is not None:
        error["param"] = param
    if suggestion is not None:
        error["fallback_suggestion"] = suggestion
    body = json_answer({"error": error}).body
    if status == HTTPStatus.UNAUTHORIZED:
        headers = (*headers, ("WWW-Authenticate", "Bearer"))
    return Answer(status, body, JSON_TYPE, headers)


def invalid(param: str | None, message: str) -> RefusedError:
    """Give the refusal of a request with a field that cannot be used."""
    return RefusedError(error_answer(400, message=f"Invalid request: {message}", param=param))


def reason(status: int) -> str:
    """Give the words that go with a status on the wire."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error" if status >= 400 else "OK"


def _undocumented(status: int) -> tuple[str, str, str | None]:
    return ("internal_server_error" if status >= 500 else "invalid_request_error", reason(status), None)


def _number(value: object) -> int | float:
    if not isinstance(value, Decimal):
        raise TypeError(f"no JSON for {type(value).__name__}")
    # Four decimals and eleven digits before them fit a double, whose shortest form is then the exact number.
    return int(value) if value == value.to_integral_value() else float(value)
