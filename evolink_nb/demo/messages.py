"""Requests and responses of the simulated API as plain values: exact JSON, and the documented errors."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from http import HTTPStatus
from typing import Any, NoReturn

DEMO_HEADER = "x-evolink-demo"
DEMO_HEADER_VALUE = "simulated"
"""Every response carries this header and value, so that clients mark its data as simulated."""

JSON_TYPE = "application/json"

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
"""Status: (type, message, fallback_suggestion)."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """One request, whatever the transport.

    Attributes:
        method: Such as "GET".
        target: The path, possibly with a query.
        headers: Names and values, in the order they arrived.
        body: The whole body.
        base_url: The API's URL as seen by this client, without a trailing slash.
    """

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""
    base_url: str = "http://127.0.0.1"

    def header(self, name: str) -> str | None:
        """Return the first value of a header, ignoring case; None if there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True)
class Delivery:
    """How to send a response: instructions to the transport beyond status, headers and body.

    Attributes:
        delay: Seconds between the request and the response.
        connection: "close", "reset" or "refuse" if nothing is sent at all and the connection ends that way.
        cut: Whether the connection ends after half the body.
        byte_interval: Seconds before each byte of the body; 0 to send it in one piece.
    """

    delay: float = 0.0
    connection: str | None = None
    cut: bool = False
    byte_interval: float = 0.0


@dataclass(frozen=True)
class Response:
    """One response, before a transport adds its own headers (Date, Content-Length, Connection).

    Attributes:
        status: The HTTP status; 0 if nothing is sent, as `delivery.connection` says.
        headers: Names and values.
        body: The whole body, even for HEAD or if the delivery cuts it.
        delivery: How to send it.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    delivery: Delivery = Delivery()

    def with_headers(self, *headers: tuple[str, str]) -> Response:
        """Return a copy with these headers, replacing those with the same names."""
        names = {name.lower() for name, _ in headers}
        kept = tuple(header for header in self.headers if header[0].lower() not in names)
        return replace(self, headers=kept + headers)


class RefusedError(Exception):
    """The call is refused with this response."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def json_response(content: object, *, status: int = 200) -> Response:
    """Return a JSON response with exact numbers: 1.36, never 1.3599999999999."""
    body = json.dumps(content, default=_number, separators=(",", ":")).encode()
    return Response(status, (("Content-Type", JSON_TYPE),), body)


def error_response(
    status: int, *, message: str | None = None, code: int | str | None = None, param: str | None = None
) -> Response:
    """Return the documented error for a status, in the envelope that all errors share.

    Args:
        status: The HTTP status.
        message: A message to replace the documented one.
        code: The error's code, if it isn't the status.
        param: The invalid field of the request.
    """
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
    response = json_response({"error": error}, status=status)
    if status == HTTPStatus.UNAUTHORIZED:
        return response.with_headers(("WWW-Authenticate", "Bearer"))
    return response


def invalid(param: str | None, message: str) -> RefusedError:
    """Return the refusal of a request with an invalid field."""
    return RefusedError(error_response(400, message=f"Invalid request: {message}", param=param))


def reason(status: int) -> str:
    """Return the reason phrase for a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error" if status >= 400 else "OK"


class Fields:
    """The fields of a JSON body; each method refuses an invalid value with the documented 400.

    Args:
        body: The request's body.

    Raises:
        RefusedError: It is not a JSON object; the methods raise it too.
    """

    def __init__(self, body: bytes) -> None:
        try:
            content = json.loads(body.decode(), parse_constant=_no_constant, parse_float=Decimal)
        except (ValueError, ArithmeticError, RecursionError):
            raise invalid(None, "the body is not JSON") from None
        if not isinstance(content, dict):
            raise invalid(None, "the body is not a JSON object")
        self.content: dict[str, Any] = content

    def text(self, name: str, *, max_length: int = 32_768) -> str:
        """Return a required string of 1 to ``max_length`` characters."""
        value = self.content.get(name)
        if not isinstance(value, str) or not 1 <= len(value) <= max_length:
            raise invalid(name, f"{name} must be a text of 1 to {max_length} characters")
        return value

    def integer(self, name: str, *, minimum: int, maximum: int, default: int) -> int:
        """Return an optional integer between two bounds."""
        value = self.content.get(name, default)
        number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        # In JSON, 2.0 is an integer too. Check the bounds first: int(1e999999999) would exhaust memory.
        if not number or not minimum <= value <= maximum or value != int(value):
            raise invalid(name, f"{name} must be an integer from {minimum} to {maximum}")
        return int(value)

    def credits(self, name: str) -> Decimal | int:
        """Return a required number of credits."""
        value = self.content.get(name)
        if not isinstance(value, int | Decimal) or isinstance(value, bool):
            raise invalid(name, f"{name} must be a number of credits")
        return value

    def choice(self, name: str, choices: tuple[str, ...], default: str | None) -> str | None:
        """Return an optional string that must be one of the choices."""
        value = self.content.get(name, default)
        if value is not None and value not in choices:
            raise invalid(name, f"{name} must be one of {', '.join(choices)}")
        return str(value) if value is not None else None


def _undocumented(status: int) -> tuple[str, str, str | None]:
    return ("internal_server_error" if status >= 500 else "invalid_request_error", reason(status), None)


def _number(value: object) -> int | float:
    if not isinstance(value, Decimal):
        raise TypeError(f"no JSON for {type(value).__name__}")
    # Four decimals and eleven digits before them fit a double, whose shortest form is then exact.
    return int(value) if value == value.to_integral_value() else float(value)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
