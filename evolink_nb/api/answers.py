"""Reads the receipts in answers on their way to the caller, who still gets every byte on request."""

from __future__ import annotations

import functools
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from .calls import Call, calls
from .receipts import MAX_BODY, may_hold_receipt, receipt_of

if TYPE_CHECKING:
    import requests

    from .sending import Sending


class Body:
    """A copy of a passing body, kept if it may hold a receipt."""

    def __init__(self, status: int, content_type: str | None) -> None:
        """Prepare to keep a body if it may hold a receipt.

        Args:
            status: The HTTP status.
            content_type: The ``Content-Type`` header.
        """
        self._kept: list[bytes] | None = [] if may_hold_receipt(status, content_type) else None
        self._size = 0

    def add(self, chunk: object) -> None:
        """Keep another part of the body, unless it grows too large."""
        if self._kept is None or not isinstance(chunk, bytes):
            return
        self._size += len(chunk)
        if self._size > MAX_BODY:
            self._kept = None
        else:
            self._kept.append(chunk)

    @property
    def content(self) -> bytes | None:
        """The body; None if it wasn't kept as a whole."""
        return None if self._kept is None else b"".join(self._kept)


# -- requests ------------------------------------------------------------------------------------------------


def observe_requests(
    sending: Sending, response: requests.Response, *, stream: bool = False, **_options: object
) -> None:
    """End a call by requests with its answer; used as a response hook.

    Args:
        sending: The call.
        response: The answer.
        stream: Whether the caller reads the body itself.
        **_options: How the request was sent.
    """
    sending.answered()
    if response.is_redirect:
        # Most redirects are followed, with the same hook. Otherwise the call ends when its response is
        # dropped.
        weakref.finalize(response, sending.abandon).atexit = False
    elif stream:
        weakref.finalize(response, sending.abandon).atexit = False
        # Weak, because the response holds this itself: its connection is returned as soon as it is dropped.
        observed = functools.partial(_iter_content, sending, weakref.ref(response))
        response.iter_content = observed  # type: ignore[method-assign]
    else:
        reserved = None
        try:
            # requests reads it next anyway.
            content = response.content
            kept = (
                content
                if may_hold_receipt(response.status_code, response.headers.get("content-type"))
                else None
            )
            reserved = receipt_of(response.status_code, kept)
        finally:
            sending.end(reserved)


def _iter_content(
    sending: Sending,
    found: weakref.ref[requests.Response],
    chunk_size: int | None = 1,
    decode_unicode: bool = False,
) -> Iterator[Any]:
    response = found()
    assert response is not None  # for mypy: it is being called  # noqa: S101
    chunks = type(response).iter_content(response, chunk_size, decode_unicode)
    body = Body(response.status_code, response.headers.get("content-type"))
    return _observed(sending, response.status_code, body, chunks)


def _observed(sending: Sending, status: int, body: Body, chunks: Iterator[Any]) -> Iterator[Any]:
    try:
        for chunk in chunks:
            body.add(chunk)
            yield chunk
    except GeneratorExit:
        sending.abandon()
        raise
    except BaseException:
        sending.end()
        raise
    sending.end(receipt_of(status, body.content))


# -- httpx ---------------------------------------------------------------------------------------------------


def observe_httpx(call: Call, response: Any) -> None:
    """End a call by httpx once the body of its answer has been read or closed.

    Args:
        call: The call.
        response: The answer; its stream is replaced by one that reads the same.
    """
    answer = Answer(call, response)
    if response.is_closed:
        # A mock's response, which came in one piece.
        answer.body.add(response.content)
        answer.end(encoded=False)
        return
    weakref.finalize(response, calls.abandon, call).atexit = False
    kind: type = _ObservedAsyncStream if hasattr(response.stream, "__aiter__") else _ObservedStream
    # httpx accepts only streams of its own classes.
    theirs: Any = type(response.stream)
    kind = with_bases(kind, theirs)
    response.stream = kind(response.stream, answer)


class Answer:
    """The answer to a call by httpx: its body as it comes over the wire."""

    def __init__(self, call: Call, response: Any) -> None:
        """Prepare to receive the body of a response.

        Args:
            call: The call.
            response: The response.
        """
        self._call = call
        self._kind = type(response)
        self._status: int = response.status_code
        self._encoding = response.headers.get("content-encoding")
        self.body = Body(self._status, response.headers.get("content-type"))

    def end(self, *, encoded: bool = True) -> None:
        """End the call with what was received; only the first time counts.

        Args:
            encoded: Whether the body is still encoded as it came over the wire.
        """
        if self._call.is_under_way:
            content = self._decoded() if encoded and self._encoding else self.body.content
            calls.end(self._call, reserved=receipt_of(self._status, content))

    def _decoded(self) -> bytes | None:
        content = self.body.content
        if content is None:
            return None
        try:
            # Use the decoders that are installed for httpx.
            decoded: bytes = self._kind(
                200, headers={"content-encoding": self._encoding}, content=content
            ).content
        except Exception:  # noqa: BLE001 - the caller gets the error when it reads the body
            return None
        return decoded


class _ObservedStream:
    """The stream of a response, observed while it is read."""

    def __init__(self, stream: Any, answer: Answer) -> None:
        self._stream = stream
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            self._answer.body.add(chunk)
            yield chunk

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._answer.end()


class _ObservedAsyncStream:
    """The stream of an asynchronous response, observed while it is read."""

    def __init__(self, stream: Any, answer: Answer) -> None:
        self._stream = stream
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._answer.body.add(chunk)
            yield chunk

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._answer.end()


@functools.cache
def with_bases(kind: type, *bases: type) -> type:
    """Return a class derived from ours and from classes that httpx checks for.

    Args:
        kind: Our class.
        *bases: The classes of httpx.
    """
    return type(kind.__name__.strip("_"), (kind, *bases), {"__doc__": kind.__doc__, "__module__": __name__})
