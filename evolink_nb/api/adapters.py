"""How requests leave: over our own connections, or to the simulated API in this process.

Only this module decides that. Requests to `settings.IN_PROCESS_URL` are answered here, as a browser needs: a
page can't listen on a socket.
"""

from __future__ import annotations

import io
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlsplit

import requests
import urllib3

from .. import runtime
from . import settings
from .connections import TrackingAdapter, observer

if TYPE_CHECKING:
    from ..demo.api import Api
    from ..demo.messages import Response

Timeout = float | tuple[float | None, float | None] | None


class Adapter(Protocol):
    """The part of requests' adapters that our sessions need."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request, and return the response once its headers have arrived."""

    def close(self) -> None:
        """Close every connection."""

    def abandon(self) -> None:
        """Drop every idle connection in a forked child."""


def adapter_for(base_url: str) -> Adapter:
    """Return the adapter for our own reads.

    Args:
        base_url: A checked base URL.
    """
    api = settings.in_process_api(base_url)
    return cast("Adapter", TrackingAdapter()) if api is None else InProcessAdapter(api)


def session_for(base_url: str) -> requests.Session:
    """Return an ordinary session for a user's own calls, which also reaches a simulated API in this process.

    Args:
        base_url: A checked base URL.
    """
    session = requests.Session()
    api = settings.in_process_api(base_url)
    if api is not None:
        session.mount(f"{base_url}/", InProcessAdapter(api, is_work=True))
    return session


class InProcessAdapter(requests.adapters.HTTPAdapter):
    """Sends requests to the simulated API of this process."""

    def __init__(self, api: Api, *, is_work: bool = False) -> None:
        """Create an adapter; it never opens a connection.

        Args:
            api: The simulated API.
            is_work: Whether the requests are a user's own. Where there are no threads, due steps are executed
                after each of them, so that cards and budgets get their readings.
        """
        super().__init__()
        self._api = api
        self._is_work = is_work

    def send(
        self, request: requests.PreparedRequest, *_: Any, timeout: Timeout = None, **_options: Any
    ) -> requests.Response:
        """Return the API's response; `requests` calls this.

        Args:
            request: The request.
            timeout: Seconds that connecting, and each wait for a part of the response, may take.

        Raises:
            requests.ConnectionError: A simulated fault breaks the connection.
            requests.ReadTimeout: The response would take longer than ``timeout``.
        """
        observing = observer.get()
        if observing is not None:
            observing.sending()
        answer = self._handle(request)
        delivery = answer.delivery
        longest = timeout[1] if isinstance(timeout, tuple) else timeout
        if longest is not None and delivery.delay > longest:
            time.sleep(longest)
            raise requests.ReadTimeout(request=request)
        if delivery.delay:
            time.sleep(delivery.delay)
        if delivery.connection is not None:
            raise requests.ConnectionError(request=request)
        if self._is_work:
            runtime.run_due_steps()
        return self.build_response(request, _raw(answer))

    def abandon(self) -> None:
        """Do nothing: there are no connections."""

    def _handle(self, request: requests.PreparedRequest) -> Response:
        url, body = urlsplit(request.url or ""), request.body or b""
        target = f"{url.path}?{url.query}" if url.query else url.path
        return self._api.receive(
            request.method or "GET",
            target,
            headers=tuple((_as_sent(name), _as_sent(value)) for name, value in request.headers.items()),
            body=body.encode() if isinstance(body, str) else bytes(body),
            base_url=settings.IN_PROCESS_URL,
        )


def _as_sent(text: str | bytes) -> str:
    """Return a header's name or value as it is sent; encoding the one with the key calls its ``on_send``."""
    sent = text if isinstance(text, bytes) else text.encode("latin-1")
    return bytes.decode(sent, "latin-1")


def _raw(answer: Response) -> urllib3.HTTPResponse:
    own = {"Date": formatdate(usegmt=True), "Content-Length": str(len(answer.body))}
    body = answer.body[: len(answer.body) // 2] if answer.delivery.cut else answer.body
    return urllib3.HTTPResponse(
        body=io.BytesIO(body),
        headers=urllib3.HTTPHeaderDict([*answer.headers, *own.items()]),
        status=answer.status,
        preload_content=False,
        enforce_content_length=False,
    )
