"""What an answer of ``GET /v1/credits`` says: a `Credits`, or one error of the tree."""

from __future__ import annotations

import email.utils
import http
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .. import errors
from ..credits import Credits, parse_json
from . import credentials, settings

SIMULATED_HEADER = "x-evolink-demo"
"""The demo server's mark on everything it answers."""
MAX_WAIT = 3600.0
"""Seconds a server may ask us to stay away at most; then it is asked again."""
MAX_TEXT = 300
"""Characters of a server's text that are shown at most."""

STATUS_ERRORS: dict[int, type[errors.APIStatusError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    402: errors.PaymentRequiredError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    429: errors.RateLimitError,
}

HINTS: dict[type[errors.APIStatusError], str] = {
    errors.BadRequestError: "A newer evolink_nb may be needed.",
    errors.AuthenticationError: f"Check {credentials.API_KEY_VARIABLE}, or enter another key with "
    "%evolink_login; this one may be mistyped, expired or used up.",
    errors.PaymentRequiredError: "Top up the account or raise the key's limit, then refresh.",
    errors.PermissionDeniedError: "Allow this key to read the balance, or use another one.",
    errors.NotFoundError: f"Check {settings.BASE_URL_VARIABLE}.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer: its status, headers (looked up in any case) and body, and when it came.

    ``problem`` says why the body could not be received whole, None when it could.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    read_at: datetime
    problem: str | None = None


def parse_response(answer: Answer, redact: Callable[[str], str]) -> Credits | errors.EvoLinkError:
    """Give what ``answer`` says. ``redact`` takes the key out of a text, should a server quote it."""
    content, problem = (None, answer.problem) if answer.problem else _parse(answer.body)
    if not 200 <= answer.status < 300:
        return _status_error(answer, answer.status, content, redact)
    if isinstance(content, Mapping) and (content.get("error") or content.get("success") is False):
        return _error_on_success(answer, content, redact)
    if problem is None:
        try:
            simulated = SIMULATED_HEADER in answer.headers
            return Credits.from_dict(content, read_at=answer.read_at, simulated=simulated)
        except ValueError as error:
            problem = str(error)
    return errors.InvalidResponseError(
        f"EvoLink's answer can't be read: {problem}.",
        request_id=_request_id(answer, redact),
        hint=f"Try again; if it stays so, check {settings.BASE_URL_VARIABLE}.",
    )


def parse_retry_after(headers: Mapping[str, str], *texts: str | None) -> float | None:
    """Give the seconds a server asks us to stay away, or None.

    From ``Retry-After`` as seconds or as a date, else from "retry after N seconds" in one of ``texts``.
    """
    header = (headers.get("Retry-After") or "").strip()
    seconds: float | None = None
    if re.fullmatch(r"\d+(\.\d+)?", header, re.ASCII):
        seconds = float(header)
    elif header:
        try:
            date = email.utils.parsedate_to_datetime(header)
            # A date without a zone is in GMT, says HTTP.
            seconds = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            seconds = None
    if seconds is None:
        said = re.search(r"retry after (\d{1,6}) ?s", " ".join(filter(None, texts)), re.IGNORECASE)
        seconds = float(said[1]) if said else None
    return None if seconds is None else min(max(seconds, 0.0), MAX_WAIT)


def clean(text: object, redact: Callable[[str], str]) -> str | None:
    """Give a server's text as one short line: no key, no control or direction-changing characters."""
    if not isinstance(text, str):
        return None
    shown = "".join(
        " " if unicodedata.category(character) in {"Cc", "Zl", "Zp", "Cs"} else character
        for character in redact(text)[: 10 * MAX_TEXT]
        if not ("\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069")
    )
    # Once more: the characters taken out may have stood within the key.
    line = redact(" ".join(shown.split()))
    return (line if len(line) <= MAX_TEXT else f"{line[: MAX_TEXT - 1]}…") or None


def _status_error(
    answer: Answer, status: int, content: object, redact: Callable[[str], str]
) -> errors.APIStatusError:
    envelope = content if isinstance(content, Mapping) else {}
    told = envelope.get("error")
    detail: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    cls = STATUS_ERRORS.get(status) or (errors.ServerError if status >= 500 else errors.APIStatusError)
    suggestion = clean(detail.get("fallback_suggestion"), redact)
    message = (
        clean(detail.get("message"), redact)
        or clean(told, redact)
        or clean(envelope.get("message"), redact)
        or _phrase(status)
    )
    redirected = 300 <= status < 400
    return cls(
        message,
        status=status,
        code=_code(detail.get("code"), redact),
        type=clean(detail.get("type"), redact),
        param=clean(detail.get("param"), redact),
        suggestion=suggestion.rstrip(".") if suggestion else None,
        request_id=_request_id(answer, redact),
        retry_after=parse_retry_after(answer.headers, suggestion, message),
        hint=f"Redirects are not followed with a key. Check {settings.BASE_URL_VARIABLE}."
        if redirected
        else HINTS.get(cls),
    )


def _error_on_success(
    answer: Answer, content: Mapping[str, Any], redact: Callable[[str], str]
) -> errors.EvoLinkError:
    """Give the error that a 200 carries: of the class its code names, where it names one."""
    told = _status_error(answer, answer.status, content, redact)
    code = told.code if isinstance(told.code, int) else int(told.code or 0) if _is_whole(told.code) else 0
    if code in STATUS_ERRORS or 500 <= code < 600:
        return _status_error(answer, code, content, redact)
    said = "" if told.message == _phrase(answer.status) else f": {told.message}"
    return errors.InvalidResponseError(
        f"EvoLink answered {answer.status} but reports a failure{said}.",
        request_id=told.request_id,
        hint=f"EvoLink suggests: {told.suggestion}." if told.suggestion else "Try again in a moment.",
    )


def _parse(body: bytes) -> tuple[object, str | None]:
    """Give the JSON value in ``body``, or None and what is wrong with it."""
    if not body.strip():
        return None, "it is empty"
    try:
        return parse_json(body.decode("utf-8-sig")), None
    except ValueError:
        page = body.lstrip()[:1] == b"<"
        return None, "it is a web page, not JSON" if page else "it is not JSON, or is cut short"


def _request_id(answer: Answer, redact: Callable[[str], str]) -> str | None:
    headers = answer.headers
    return clean(headers.get("x-request-id") or headers.get("x-oneapi-request-id"), redact)


def _code(code: object, redact: Callable[[str], str]) -> int | str | None:
    """Give an error's code as the API gave it: a number or a word."""
    return clean(code, redact) if isinstance(code, str) or not _is_whole(code) else int(str(code))


def _is_whole(code: object) -> bool:
    # Numbers arrive as Decimal, and one of a thousand digits must not become an int.
    return str(code).isascii() and str(code).isdecimal() and len(str(code)) < 10


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "no explanation"
