"""The key as the value of an ``Authorization`` header, which is sent but never shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from .credentials import Secret

HIDDEN = "Bearer ***"
"""What the header shows in the key's place."""


class Header(str):
    """A header whose text is the key's, but which doesn't show it: not printed, formatted or pickled.

    Attributes:
        on_send: Called each time the header is about to go over the wire; None if nobody wants to know.
    """

    __slots__ = ("on_send",)

    on_send: Callable[[], None] | None

    @classmethod
    def of(cls, key: Secret, *, on_send: Callable[[], None] | None = None) -> Header:
        """Return the header for a key.

        Args:
            key: The key.
            on_send: Called each time the header is about to be sent; what it raises keeps it from being sent.
        """
        header = cls(f"Bearer {key.reveal()}")
        header.on_send = on_send
        return header

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return the bytes to send: both requests and httpx ask for them, and only when they need them."""
        on_send = getattr(self, "on_send", None)
        if on_send is not None:
            on_send()
        return HeaderBytes(super().encode(encoding, errors))

    def __repr__(self) -> str:
        return repr(HIDDEN)

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __reduce_ex__(self, _protocol: object) -> tuple[Any, ...]:
        return str, (HIDDEN,)


class HeaderBytes(bytes):
    """The same as bytes, which is how httpx keeps a header."""

    __slots__ = ()

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002 - as that of bytes
        """Return the text that is shown: httpx sends bytes, and decodes them only to show them."""
        return HIDDEN

    def __repr__(self) -> str:
        return repr(HIDDEN.encode())

    def __str__(self) -> str:
        return repr(self)

    def __reduce_ex__(self, _protocol: object) -> tuple[Any, ...]:
        return bytes, (HIDDEN.encode(),)


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
