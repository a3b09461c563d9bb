"""Faults that can be switched on, to test what a client of the API must cope with."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, TypedDict

from .messages import JSON_TYPE, Delivery, Response, error_response, json_response

CREDITS_ROUTE = "/v1/credits"

FAULT_ROUTES = (
    CREDITS_ROUTE,
    "/v1/images/generations",
    "/v1/videos/generations",
    "/v1/audios/generations",
    "/v1/tasks/{id}",
    "/v1/chat/completions",
)
"""The routes where a fault can occur: the real API's own."""

BODIES = ("empty", "html", "cut", "slow", "huge", "unsuccessful", "empty-object")
"""The ways a body can be wrong."""

CONNECTIONS = ("close", "reset", "refuse")
"""The ways a connection can fail: closed without a byte, reset, or not accepted at all."""

HUGE_BODY = 16 * 1024 * 1024
"""The minimum size of a huge body, in bytes."""
DRIP_SECONDS = 0.1
"""The time between two bytes of a slow body, in seconds."""

_MAX_SECONDS = 86_400
_MAX_TIMES = 1_000_000
_HTML = b"<!doctype html><html><head><title>%d</title></head><body><h1>Bad gateway</h1></body></html>"


class InvalidFaultError(ValueError):
    """A fault that can't be produced; ``field`` names the invalid field."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}")
        self.field = field


class FaultFields(TypedDict, total=False):
    """The fields of `Fault`, to be passed by name."""

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
    """One way for the responses on a path to go wrong.

    Attributes:
        path: The route, one of `FAULT_ROUTES`.
        status: An HTTP status of 400 or more, sent with its documented body.
        retry_after: The header's value: seconds, or text (an HTTP date).
        times: How many responses; None until cleared.
        latency: Seconds before the response.
        body: One of `BODIES`.
        text: A literal body.
        connection: One of `CONNECTIONS`.
        redirect_to: The target of a redirect.
        seconds: How long connections are refused; None until cleared.

    Raises:
        InvalidFaultError: A field has a value that can't be produced.
    """

    path: str = CREDITS_ROUTE
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
            ("path", self.path in FAULT_ROUTES, f"one of {', '.join(FAULT_ROUTES)}"),
            ("status", _is_count(self.status, least=400, most=599), "400 to 599"),
            ("retry_after", _is_header(self.retry_after) or _is_time(self.retry_after), "seconds or a date"),
            ("times", _is_count(self.times, least=1, most=_MAX_TIMES), "a positive integer"),
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
        """Return the fault that a JSON object describes, with the field names above.

        Raises:
            InvalidFaultError: A name is unknown, or its value can't be produced.
        """
        known = {field.name for field in fields(cls)}
        for name in content:
            if name not in known:
                raise InvalidFaultError(name, "is not a field of a fault")
        return cls(**content)

    def spoil(self, response: Response) -> Response:
        """Return the response sent in place of the correct one."""
        delivery = Delivery(
            delay=self.latency,
            connection=self.connection,
            cut=self.body == "cut",
            byte_interval=DRIP_SECONDS if self.body == "slow" else 0.0,
        )
        if self.connection is not None:
            return Response(0, delivery=delivery)
        if self.redirect_to is not None:
            response = Response(302, (("Content-Type", JSON_TYPE), ("Location", self.redirect_to)))
        elif self.status is not None:
            response = error_response(self.status)
        response = self._spoil_body(response)
        if self.retry_after is not None:
            response = response.with_headers(("Retry-After", str(self.retry_after)))
        return replace(response, delivery=delivery)

    def _spoil_body(self, response: Response) -> Response:
        body = response.body
        match self.body:
            case "empty":
                body = b""
            case "empty-object":
                body = b"{}"
            case "html":
                body = _HTML % response.status
                response = response.with_headers(("Content-Type", "text/html; charset=utf-8"))
            case "unsuccessful":
                body = json_response(
                    {"data": None, "message": "Balance not available", "success": False}
                ).body
        if self.text is not None:
            body = self.text.encode()
        if self.body == "huge":
            body += b" " * HUGE_BODY
        return replace(response, body=body)


@dataclass(frozen=True, eq=False)
class Refusal:
    """A refusal of new connections on every path, the result of one `Faults.switch_on` call.

    Attributes:
        seconds: How long it lasts; None until cleared.
        ends_at: When it ends, in seconds of the clock.
    """

    seconds: float | None
    ends_at: float


class Faults:
    """The faults that are switched on, by path; those with `times` apply one after another.

    Args:
        clock: Returns seconds that never decrease.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._left: list[tuple[Fault, int | None]] = []
        self._refusal: Refusal | None = None

    @property
    def refusal(self) -> Refusal | None:
        """The current refusal of new connections; None while they are accepted."""
        with self._lock:
            refusal = self._refusal
            return refusal if refusal is not None and self._clock() < refusal.ends_at else None

    def switch_on(self, fault: Fault) -> None:
        """Switch on a fault, replacing one on the same path that lasts until cleared."""
        with self._lock:
            if fault.connection == "refuse":
                lasts = math.inf if fault.seconds is None else fault.seconds
                self._refusal = Refusal(fault.seconds, self._clock() + lasts)
                return
            stay = [entry for entry in self._left if entry[0].path != fault.path or entry[1] is not None]
            self._left = [*stay, (fault, fault.times)]

    def clear(self) -> None:
        """Switch off every fault, and accept connections again."""
        with self._lock:
            self._left = []
            self._refusal = None

    def end(self, refusal: Refusal | None) -> None:
        """Accept connections again, unless another refusal has replaced this one."""
        with self._lock:
            if self._refusal is refusal:
                self._refusal = None

    def forget_after_fork(self) -> None:
        """Make the faults usable in a forked child: the parent's threads may have held the lock."""
        self._lock = threading.Lock()

    def take(self, path: str) -> Fault | None:
        """Return the fault for the next response on a path, if any, and count that use."""
        with self._lock:
            for place, (fault, left) in enumerate(self._left):
                if fault.path == path:
                    if left == 1:
                        del self._left[place]
                    elif left is not None:
                        self._left[place] = (fault, left - 1)
                    return fault
            return None


def _is_count(value: object, *, least: int, most: int) -> bool:
    return value is None or (
        isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
    )


def _is_time(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is None or (number and 0 <= value <= _MAX_SECONDS)  # type: ignore[operator]


def _is_header(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.isascii() and value.isprintable())


def _is_text(value: object) -> bool:
    # Half a surrogate pair is valid text to Python, but can't be sent.
    return value is None or (isinstance(value, str) and value.encode(errors="ignore").decode() == value)
