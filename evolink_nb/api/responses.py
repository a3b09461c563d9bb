"""Parses a response to ``GET /v1/credits`` into a `Credits` or one error. No I/O here."""

from __future__ import annotations

import http
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .. import errors
from ..credits import Credits, parse_json
from . import credentials, settings
from .freshness import ServerClock, parse_date

SIMULATED_HEADER = "x-evolink-demo"
"""The header that the demo server adds to all its responses."""
MAX_WAIT = 3600.0
"""The longest Retry-After respected, in seconds."""
MAX_UNSURE_WAIT = 60.0
"""The longest wait in seconds for a date that can only be compared with this machine's clock, which may be
wrong: after that, asking once more does no harm."""
MAX_TEXT = 300
"""The longest server text shown, in characters."""

STATUS_ERRORS: dict[int, type[errors.APIStatusError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    402: errors.PaymentRequiredError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    429: errors.RateLimitError,
}

KEY_ERRORS = (errors.AuthenticationError, errors.PaymentRequiredError, errors.PermissionDeniedError)
"""Errors about the key or the account, if the API itself sent them; a proxy may use the same statuses."""

HINTS: dict[type[errors.APIStatusError], str] = {
    errors.BadRequestError: "A newer evolink_nb may be needed.",
    errors.AuthenticationError: f"Check {credentials.API_KEY_VARIABLE}, or enter another key with "
    "%evolink_login; this one may be mistyped, expired or used up.",
    errors.PaymentRequiredError: "Top up the account or raise the key's limit, then refresh.",
    errors.PermissionDeniedError: "Allow this key to read the balance, or use another one.",
    errors.NotFoundError: f"Check {settings.BASE_URL_VARIABLE}.",
}
NO_CACHE = f"Let no proxy or gateway cache this address, or check {settings.BASE_URL_VARIABLE}."
SHELL_HINTS: dict[type[errors.APIStatusError], str] = {
    errors.AuthenticationError: f"Check {credentials.API_KEY_VARIABLE} and the system keyring; this key may "
    "be mistyped, expired or used up.",
}
"""The hints that differ in a shell."""


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response as received.

    Attributes:
        status: The HTTP status.
        headers: The headers, case-insensitive.
        body: The body.
        read_at: When it arrived, as an aware datetime by this machine's clock.
        requested_at: When the request was sent, in monotonic seconds.
        monotonic: When the response arrived, in monotonic seconds.
        problem: Why the body could not be received in full; None if it was.
        sent: Whether the request was really sent, not answered by something in this process.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    read_at: datetime
    requested_at: float = 0.0
    monotonic: float = 0.0
    problem: str | None = None
    sent: bool = True


def parse_response(
    response: Response, redact: Callable[[str], str], clock: ServerClock | None = None
) -> Credits | errors.EvoLinkError:
    """Return the reading or error in a response.

    Args:
        response: A response of any status.
        redact: Removes the key from a text, in case the server quotes it.
        clock: The server's clock, as known from earlier responses.

    Returns:
        The reading, or the error to raise instead.
    """
    if not response.sent:
        return errors.InvalidResponseError(
            "The balance came from a cache or a recording in this process, not from EvoLink.",
            hint="Have the library that replaces parts of requests, such as responses, let this one through.",
        )
    clock = clock or ServerClock()
    old = clock.why_old(response.headers, response.requested_at, response.monotonic)
    content, problem = (None, response.problem) if response.problem else _parse(response.body)
    server_now = clock.now(response.monotonic)
    if not 200 <= response.status < 300:
        return _status_error(response, response.status, content, redact, server_now)
    if isinstance(content, Mapping) and (content.get("error") or content.get("success") is False):
        return _error_on_success(response, content, redact, server_now)
    if old is not None:
        return errors.InvalidResponseError(
            f"The balance came from a cache and may be old: {old}.",
            request_id=_request_id(response, redact),
            hint=NO_CACHE,
        )
    if problem is None:
        try:
            return Credits.from_dict(
                content,
                read_at=response.read_at,
                simulated=SIMULATED_HEADER in response.headers,
                requested_at=response.requested_at,
                monotonic=response.monotonic,
            )
        except ValueError as error:
            problem = str(error)
    return errors.InvalidResponseError(
        f"EvoLink's answer can't be read: {problem}.",
        request_id=_request_id(response, redact),
        hint=f"Try again; if it persists, check {settings.BASE_URL_VARIABLE}.",
    )


def parse_retry_after(
    headers: Mapping[str, str], *texts: str | None, now: datetime, server_now: datetime | None = None
) -> float | None:
    """Return how long the server asks the client to wait.

    Args:
        headers: The response's headers. ``Retry-After`` holds seconds or a date. A date is by the server's
            clock, so it is compared with ``Date``, from the same clock: this machine's may be an hour off.
        *texts: Texts that may contain "retry after N seconds"; used if there is no such header.
        now: When the response arrived by this machine's clock, aware; used only if the server's time is
            unknown, and then for a wait of at most `MAX_UNSURE_WAIT`.
        server_now: The server's time according to earlier responses, aware; used if ``Date`` can't be parsed.

    Returns:
        Seconds, from 0 to `MAX_WAIT`; None if the server doesn't say.
    """
    header = (headers.get("Retry-After") or "").strip()
    seconds: float | None = None
    if re.fullmatch(r"\d+(\.\d+)?", header, re.ASCII):
        seconds = float(header)
    elif (until := parse_date(header)) is not None:
        seconds = _seconds_until(until, parse_date(headers.get("Date") or "") or server_now, now)
    if seconds is None:
        said = re.search(r"retry after (\d{1,6}) ?s", " ".join(filter(None, texts)), re.IGNORECASE)
        seconds = float(said[1]) if said else None
    return None if seconds is None else min(max(seconds, 0.0), MAX_WAIT)


def _seconds_until(until: datetime, server_now: datetime | None, now: datetime) -> float:
    if server_now is not None:
        return (until - server_now).total_seconds()
    return min((until - now).total_seconds(), MAX_UNSURE_WAIT)


def sanitize(text: object, redact: Callable[[str], str]) -> str | None:
    """Return a server's text as one short line.

    Args:
        text: The value of a text field; a value that isn't a string counts as missing.
        redact: Removes the key from a text.

    Returns:
        The text without the key and without control or direction-changing characters, cut to `MAX_TEXT`
        characters; None if nothing is left.
    """
    if not isinstance(text, str):
        return None
    shown = "".join(
        " " if unicodedata.category(character) in {"Cc", "Zl", "Zp", "Cs"} else character
        for character in redact(text)[: 10 * MAX_TEXT]
        if not ("\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069")
    )
    # Redacted again: the removed characters may have split the key.
    line = redact(" ".join(shown.split()))
    return (line if len(line) <= MAX_TEXT else f"{line[: MAX_TEXT - 1]}…") or None


def _status_error(
    response: Response,
    status: int,
    content: object,
    redact: Callable[[str], str],
    server_now: datetime | None,
) -> errors.APIStatusError:
    envelope = content if isinstance(content, Mapping) else {}
    told = envelope.get("error")
    detail: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    cls = _error_class(response, status, content)
    suggestion = sanitize(detail.get("fallback_suggestion"), redact)
    message = (
        sanitize(detail.get("message"), redact)
        or sanitize(told, redact)
        or sanitize(envelope.get("message"), redact)
        or _phrase(status)
    )
    error = cls(
        message,
        status=status,
        code=_code(detail.get("code"), redact),
        type=sanitize(detail.get("type"), redact),
        param=sanitize(detail.get("param"), redact),
        suggestion=suggestion.rstrip(".") if suggestion else None,
        request_id=_request_id(response, redact),
        retry_after=parse_retry_after(
            response.headers, suggestion, message, now=response.read_at, server_now=server_now
        ),
        hint=_hint(cls, status),
        shell_hint=SHELL_HINTS.get(cls),
    )
    if error.retry_after and "Retry-After" in response.headers:
        error.asks_to_wait = True
    return error


def _error_class(response: Response, status: int, content: object) -> type[errors.APIStatusError]:
    cls = STATUS_ERRORS.get(status) or (errors.ServerError if status >= 500 else errors.APIStatusError)
    return errors.APIStatusError if cls in KEY_ERRORS and not _may_be_api(response, content) else cls


def _may_be_api(response: Response, content: object) -> bool:
    """Return whether the API itself may have answered, not a proxy, firewall or bot check in front of it."""
    if isinstance(content, Mapping) and (content.get("error") or content.get("success") is False):
        return True
    is_page = "html" in response.headers.get("Content-Type", "") or "cf-mitigated" in response.headers
    # If the body says nothing, there is only the status to go by.
    return not is_page and response.body.strip() in {b"", b"{}", b"[]", b"null"}


def _hint(cls: type[errors.APIStatusError], status: int) -> str | None:
    if status == 304:  # Not Modified
        return f"The request didn't ask whether anything had changed. {NO_CACHE}"
    if 300 <= status < 400:
        return f"Redirects are not followed, to protect the key. Check {settings.BASE_URL_VARIABLE}."
    if status < 200:
        return "Only an interim answer arrived, and no final one: try again, or check a proxy on the way."
    if status in {401, 402, 403} and cls not in KEY_ERRORS:
        return "This came from a proxy, bot check or the like in front of the API; the key isn't the problem."
    return HINTS.get(cls)


def _error_on_success(
    response: Response,
    content: Mapping[str, Any],
    redact: Callable[[str], str],
    server_now: datetime | None,
) -> errors.EvoLinkError:
    """Return the error that a 200 contains, in the class for its own code, if it has one."""
    told = _status_error(response, response.status, content, redact, server_now)
    code = told.code if isinstance(told.code, int) else int(told.code or 0) if _is_whole(told.code) else 0
    if code in STATUS_ERRORS or 500 <= code < 600:
        return _status_error(response, code, content, redact, server_now)
    said = "" if told.message == _phrase(response.status) else f": {told.message}"
    return errors.InvalidResponseError(
        f"EvoLink answered {response.status} but reports a failure{said}.",
        request_id=told.request_id,
        hint=f"EvoLink suggests: {told.suggestion}." if told.suggestion else "Try again in a moment.",
    )


def _parse(body: bytes) -> tuple[object, str | None]:
    """Return the JSON value in ``body``, or None and the problem."""
    if not body.strip():
        return None, "it is empty"
    try:
        return parse_json(body.decode("utf-8-sig")), None
    except ValueError:
        page = body.lstrip()[:1] == b"<"
        return None, "it is a web page, not JSON" if page else "it is not JSON, or is cut short"


def _request_id(response: Response, redact: Callable[[str], str]) -> str | None:
    headers = response.headers
    return sanitize(headers.get("x-request-id") or headers.get("x-oneapi-request-id"), redact)


def _code(code: object, redact: Callable[[str], str]) -> int | str | None:
    """Return an error's code as the API sent it: a number or a word."""
    return sanitize(code, redact) if isinstance(code, str) or not _is_whole(code) else int(str(code))


def _is_whole(code: object) -> bool:
    # Numbers arrive as Decimal, and one with a thousand digits must not become an int.
    return str(code).isascii() and str(code).isdecimal() and len(str(code)) < 10


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "no explanation"
