"""The key as the value of an ``Authorization`` header, which is sent but never shown.

What fails on the way leaves its frames in a traceback, and tools print the variables of these. `http.client`
joins a request's lines into plain bytes, so it gets a stand-in for the key, and the key takes its place as
the bytes leave for the socket. httpx gives no such moment: frames of a failed call that hold the key in bytes
are cleared.
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
"""What the header shows in the key's place."""


class Header(str):
    """A header that is sent with the key, and whose text has none: whatever is made of it has none either.

    Attributes:
        on_send: Called each time the header is about to go over the wire; None if nobody wants to know.
    """

    __slots__ = ("_key", "on_send")

    on_send: Callable[[], None] | None
    _key: Secret

    @classmethod
    def of(cls, key: Secret, *, on_send: Callable[[], None] | None = None) -> Header:
        """Return the header for a key.

        Args:
            key: The key.
            on_send: Called each time the header is about to be sent; what it raises keeps it from being sent.
        """
        # A browser is handed the text itself; it shows no headers to programs.
        header = cls(f"Bearer {key.reveal()}" if IN_BROWSER else HIDDEN)
        header._key = key
        header.on_send = on_send
        return header

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return the bytes to send: both requests and httpx ask for them, and only when they need them."""
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
    """Bytes with the key in them, which show others instead.

    Attributes:
        shown: What they show.
    """

    shown: bytes

    def __new__(cls, content: bytes, shown: bytes = HIDDEN.encode()) -> Self:
        """Hold ``content``, and show ``shown``."""
        held = super().__new__(cls, content)
        held.shown = shown
        return held

    def __bytes__(self) -> HeaderBytes:
        # What copies them, such as h11, keeps these.
        return self

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the text that is shown: httpx sends bytes, and decodes them only to show them."""
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
        """Have ``connection`` send the header where its stand-in is."""
        standing_in = vars(connection).get("send")
        if isinstance(standing_in, cls):  # of a request that came to nothing
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
    """Return the connection whose ``putheader`` a frame runs; None if it is another frame."""
    connection = frame.f_locals.get("self") if frame.f_code.co_name == "putheader" else None
    return connection if isinstance(connection, http.client.HTTPConnection) else None


def hide_in_frames(key: Secret, error: BaseException | None) -> None:
    """Clear the frames of a failed call that hold a key in bytes.

    Args:
        key: The key.
        error: What the call raised, with what led to it.
    """
    shown = key.reveal().encode()
    for traceback in _tracebacks(error):
        frame = traceback.tb_frame
        if any(isinstance(held, bytes | bytearray) and shown in held for held in frame.f_locals.values()):
            with contextlib.suppress(RuntimeError):  # still running
                frame.clear()
    del shown  # tracebacks can print a frame's variables


def _tracebacks(error: BaseException | None) -> Iterator[TracebackType]:
    """Yield every step of the tracebacks of an exception and of those that led to it."""
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
