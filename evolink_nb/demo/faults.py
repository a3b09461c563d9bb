"""Faults that can be switched on: what a reader of the API must bear, produced on purpose."""

from __future__ import annotations

import threading
from dataclasses import dataclass, fields
from typing import Any, TypedDict

from .answers import Answer, error_answer, json_answer

CREDITS_PATH = "/v1/credits"

BODIES = ("empty", "html", "cut", "slow", "huge", "unsuccessful", "empty-object")
"""What can be wrong with a body."""

CONNECTIONS = ("close", "reset", "refuse")
"""What can be wrong with a connection: closed without a byte, reset, or not accepted at all."""

HUGE_BODY = 16 * 1024 * 1024
"""The bytes a huge body has at least."""
DRIP_SECONDS = 0.1
"""The seconds between two bytes of a slow body."""

_LONGEST_TIME = 86_400
_MOST_TIMES = 1_000_000
_HTML = b"<!doctype html><html><head><title>%d</title></head><body><h1>Bad gateway</h1></body></html>"


class InvalidFaultError(ValueError):
    """A fault that cannot be produced; ``field`` names what is wrong with it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}")
        self.field = field


class FaultFields(TypedDict, total=False):
    """The fields of `Fault`, to be given by name."""

    path: str
    status: int | None
    retry_after: float | str | None
    times: int | None
    latency: float
    body: str | None
    text: str | None
    connection: str | None
    redirect_to: str | None
    seconds: float | None


@dataclass(frozen=True)
class Fault:
    """One way for the answers on a path to go wrong.

    Attributes:
        path: the route, as ``/v1/credits`` or ``/v1/tasks/{id}``.
        status: an HTTP status from 400 on, sent with its documented body.
        retry_after: the header's seconds, or its text (an HTTP date).
        times: how many answers; None until cleared.
        latency: seconds before the answer.
        body: one of `BODIES`.
        text: a body in these very words.
        connection: one of `CONNECTIONS`.
        redirect_to: the address of a redirect.
        seconds: how long connections are refused; None until cleared.

    Raises `InvalidFaultError`.
    """

    path: str = CREDITS_PATH
    status: int | None = None
    retry_after: float | str | None = None
    times: int | None = None
    latency: float = 0.0
    body: str | None = None
    text: str | None = None
    connection: str | None = None
    redirect_to: str | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        # The fields may come from another process, where no type checker saw them.
        for field, holds, what in (
            ("path", _is_path(self.path), "a path of the API"),
            ("status", _is_count(self.status, least=400, most=599), "400 to 599"),
            ("retry_after", _is_header(self.retry_after) or _is_time(self.retry_after), "seconds or a date"),
            ("times", _is_count(self.times, least=1, most=_MOST_TIMES), "a positive integer"),
            ("latency", _is_time(self.latency), "seconds, a day at most"),
            ("body", self.body in (None, *BODIES), f"one of {', '.join(BODIES)}"),
            ("text", _is_text(self.text), "text"),
            ("connection", self.connection in (None, *CONNECTIONS), f"one of {', '.join(CONNECTIONS)}"),
            ("redirect_to", _is_header(self.redirect_to), "an address"),
            ("seconds", _is_time(self.seconds), "seconds, a day at most"),
        ):
            if not holds:
                raise InvalidFaultError(field, f"must be {what}")
        if self.connection == "refuse" and self.times is not None:
            raise InvalidFaultError("times", "cannot count connections that are refused")

    @classmethod
    def from_fields(cls, content: dict[str, Any]) -> Fault:
        """Give the fault that a JSON object describes, with the names above."""
        known = {field.name for field in fields(cls)}
        for name in content:
            if name not in known:
                raise InvalidFaultError(name, "is not a field of a fault")
        return cls(**content)

    def spoil(self, answer: Answer) -> Answer:
        """Give the answer that is sent in place of the right one."""
        if self.redirect_to is not None:
            answer = Answer(302, headers=(("Location", self.redirect_to),))
        elif self.status is not None:
            answer = error_answer(self.status)
        body, content_type = answer.body, answer.content_type
        if self.body == "empty":
            body = b""
        elif self.body == "html":
            body, content_type = _HTML % answer.status, "text/html; charset=utf-8"
        elif self.body == "unsuccessful":
            body = json_answer({"data": None, "message": "Balance not available", "success": False}).body
        elif self.body == "empty-object":
            body = b"{}"
        if self.text is not None:
            body = self.text.encode()
        headers = answer.headers
        if self.retry_after is not None:
            headers = (*headers, ("Retry-After", str(self.retry_after)))
        return Answer(answer.status, body, content_type, headers)


class Faults:
    """The faults that are switched on, by path; those counted by `times` follow one another in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: list[tuple[Fault, int | None]] = []

    def add(self, fault: Fault) -> None:
        """Switch a fault on; one that stands on the same path until cleared gives way to it."""
        with self._lock:
            stay = [entry for entry in self._left if entry[0].path != fault.path or entry[1] is not None]
            self._left = [*stay, (fault, fault.times)]

    def clear(self) -> None:
        """Switch every fault off."""
        with self._lock:
            self._left = []

    def take(self, path: str) -> Fault | None:
        """Give the fault for the next answer on a path, if there is one, and count it."""
        with self._lock:
            for place, (fault, left) in enumerate(self._left):
                if fault.path == path:
                    if left == 1:
                        del self._left[place]
                    elif left is not None:
                        self._left[place] = (fault, left - 1)
                    return fault
            return None


def _is_path(value: object) -> bool:
    return isinstance(value, str) and value.startswith("/v1/")


def _is_count(value: object, *, least: int, most: int) -> bool:
    return value is None or (
        isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
    )


def _is_time(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is None or (number and 0 <= value <= _LONGEST_TIME)  # type: ignore[operator]


def _is_header(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.isascii() and value.isprintable())


def _is_text(value: object) -> bool:
    # Half a surrogate pair is text to Python, and nothing that can be sent.
    return value is None or (isinstance(value, str) and value.encode(errors="ignore").decode() == value)
