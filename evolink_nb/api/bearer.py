"""The key as the value of an ``Authorization`` header: sent, but never shown.

A failed call leaves its frames in a traceback, and tools print their variables. `http.client` joins a
request's lines into plain bytes, so it gets a placeholder, which is replaced by the key as the bytes leave
for the socket. httpx offers no such moment: frames of a failed call that hold the key in bytes are cleared.
"""

from __future__ import annotations

import contextlib
import http.client
import sys
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

import requests

if TYPE_CHECKING:
    from .credentials import Secret

IN_BROWSER = sys.platform == "emscripten"
HIDDEN = "Bearer ***"
"""What the header shows instead of the key."""


class Header(str):
    """A header value that is sent with the key but whose text, and any text made from it, doesn't contain it.

    Attributes:
        on_send: Called each time the header is about to be sent; None to call nothing.
    """

    __slots__ = ("_key", "on_send")

    on_send: Callable[[], None] | None
    _key: Secret

    @classmethod
    def of(cls, key: Secret, *, on_send: Callable[[], None] | None = None) -> Header:
        """Return the header for a key.

        Args:
            key: The key.
            on_send: Called each time the header is about to be sent; an exception it raises prevents that.
        """
        # A browser gets the text itself; it shows no headers to programs.
        header = cls(f"Bearer {key.reveal()}" if IN_BROWSER else HIDDEN)
        header._key = key
        header.on_send = on_send
        return header

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return the bytes to send; requests and httpx both call this only when they send the header."""
        if self.on_send is not None:
            self.on_send()
        sent = HeaderBytes(f"Bearer {self._key.reveal()}".encode(encoding, errors))
        connection = _connection_of(sys._getframe(1))
        if connection is None:
            return sent
        _Send.through(connection, sent)
        return HIDDEN.encode()

    def __repr__(self) -> str:
        return repr(HIDDEN)

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __reduce_ex__(self, _protocol: object) -> tuple[Any, ...]:
        return str, (HIDDEN,)


class HeaderBytes(bytes):
    """Bytes that contain the key but are shown as other bytes.

    Attributes:
        shown: The bytes shown instead.
    """

    shown: bytes

    def __new__(cls, content: bytes, shown: bytes = HIDDEN.encode()) -> Self:
        """Hold ``content``, and show ``shown``."""
        held = super().__new__(cls, content)
        held.shown = shown
        return held

    def __bytes__(self) -> HeaderBytes:
        # Code that copies them, such as h11, keeps this object.
        return self

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the text to show: httpx sends the bytes, and decodes them only for display."""
        return self.shown.decode(encoding, errors)

    def __repr__(self) -> str:
        return repr(self.shown)

    def __str__(self) -> str:
        return repr(self)

    def __reduce_ex__(self, _protocol: object) -> tuple[Any, ...]:
        return bytes, (self.shown,)


class _Send:
    """Stands in for a connection's ``send`` until the header has been sent."""

    def __init__(self, connection: http.client.HTTPConnection, header: HeaderBytes) -> None:
        self.header = header
        self._connection = connection
        self._replaced = vars(connection).get("send")

    @classmethod
    def through(cls, connection: http.client.HTTPConnection, header: HeaderBytes) -> None:
        """Make ``connection`` send the header in place of the placeholder."""
        standing_in = vars(connection).get("send")
        if isinstance(standing_in, cls):  # from a request that failed before it was sent
            standing_in.header = header
        else:
            connection.send = cls(connection, header)  # type: ignore[method-assign]

    def __call__(self, data: Any) -> None:
        if isinstance(data, bytes) and _LINE in data:
            self._restore()
            data = HeaderBytes(data.replace(_LINE, self.header + b"\r\n"), shown=data)
            self._connection.send(data)
        elif self._replaced is not None:
            self._replaced(data)
        else:
            type(self._connection).send(self._connection, data)

    def _restore(self) -> None:
        if self._replaced is None:
            del self._connection.send
        else:
            self._connection.send = self._replaced  # type: ignore[method-assign]


_LINE = HIDDEN.encode() + b"\r\n"


def _connection_of(frame: FrameType) -> http.client.HTTPConnection | None:
    """Return the connection whose ``putheader`` a frame runs; None if it runs something else."""
    connection = frame.f_locals.get("self") if frame.f_code.co_name == "putheader" else None
    return connection if isinstance(connection, http.client.HTTPConnection) else None


def hide_in_frames(key: Secret, error: BaseException | None) -> None:
    """Clear the frames of a failed call that hold a key in bytes.

    Args:
        key: The key.
        error: The exception that the call raised; its causes and contexts are cleared too.
    """
    shown = key.reveal().encode()
    for traceback in _tracebacks(error):
        frame = traceback.tb_frame
        if any(isinstance(held, bytes | bytearray) and shown in held for held in frame.f_locals.values()):
            with contextlib.suppress(RuntimeError):  # still running
                frame.clear()
    del shown  # tracebacks can print a frame's variables


def _tracebacks(error: BaseException | None) -> Iterator[TracebackType]:
    """Yield every entry of the tracebacks of an exception and of its causes and contexts."""
    chain = [error]
    for link in chain:  # grows while being iterated
        if link is not None:
            chain += [each for each in (link.__cause__, link.__context__) if each not in chain]
            step = link.__traceback__
            while step is not None:
                yield step
                step = step.tb_next


class BearerAuth(requests.auth.AuthBase):
    """Puts a key into a request's ``Authorization`` header.

    An auth object rather than a plain header, because requests lets ``~/.netrc`` replace a plain one.
    """

    def __init__(self, key: Secret) -> None:
        """Hold ``key`` for the header."""
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return ``request`` with the header set."""
        request.headers["Authorization"] = Header.of(self._key)
        return request
