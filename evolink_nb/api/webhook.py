"""Sends a message to a webhook, without the key: only `transport` sends that, and only to EvoLink."""

from __future__ import annotations

from urllib.parse import urlsplit

import requests

from ..errors import APIConnectionError
from .settings import is_loopback

TIMEOUT = 10.0
"""Seconds that connecting, and each wait for the answer, may take."""


def post_json(url: str, body: str, *, timeout: float = TIMEOUT) -> None:
    """Post JSON text to a webhook.

    Args:
        url: The webhook's URL. It may contain a secret, so no message shows it.
        body: The JSON text.
        timeout: The longest to wait for the connection and for the answer, in seconds each.

    Raises:
        APIConnectionError: The webhook did not accept it.
    """
    problem = None
    try:
        with requests.Session() as session:
            # No netrc, and no proxy for this machine; a redirect could lead anywhere.
            session.trust_env = not is_loopback(urlsplit(url).hostname)
            answer = session.post(
                url,
                data=body.encode(),
                headers={"Content-Type": "application/json"},
                timeout=timeout,
                allow_redirects=False,
                stream=True,
            )
            if not 200 <= answer.status_code < 300:
                problem = f"it answered {answer.status_code}"
    except (requests.RequestException, OSError, ValueError) as error:
        problem = type(error).__name__
    # Raised outside the except block: requests' exceptions hold the URL.
    if problem is not None:
        raise APIConnectionError(f"The webhook didn't accept the message: {problem}.")
