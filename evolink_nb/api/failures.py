"""Why a request got no answer, in our own words, and what to do about it.

An exception's own text is never repeated: it may contain a header or a proxy's password.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import requests
import urllib3

from ..errors import APIConnectionError
from .settings import BASE_URL_VARIABLE

BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""The variables that may name the certificates to trust, in the same order as in requests."""
CHECK_PROXY = "Check HTTPS_PROXY and ALL_PROXY, or name this host in NO_PROXY."


def bundle_variable() -> str | None:
    """Return the name of the variable that names the certificates to trust; None if none does."""
    return next((name for name in BUNDLE_VARIABLES if os.environ.get(name)), None)


def failure(base_url: str, error: BaseException) -> APIConnectionError:
    """Return the error for a request that got no answer.

    Args:
        base_url: The base URL it was sent to.
        error: The exception.

    Returns:
        The error to raise instead.
    """
    bundle = bundle_variable() if base_url.startswith("https://") else None
    if bundle is not None and not Path(os.environ[bundle]).exists():
        words = f"{bundle} names a file that doesn't exist"
        hint = f"Set {bundle} to a file of certificates, or unset it."
    else:
        words, hint = _explain(_links(error), bundle)
    return APIConnectionError(f"No answer from {base_url}: {words}.", hint=hint)


def _explain(links: list[object], bundle: str | None) -> tuple[str, str]:
    """Return what broke and what to do about it."""
    own = f"If so, set {BUNDLE_VARIABLES[0]} to a file with the proxy's certificates."
    trust = f"Check {bundle}." if bundle else own
    causes: tuple[tuple[type[BaseException], str, str], ...] = (
        (
            requests.exceptions.InvalidSchema,
            "a SOCKS proxy needs PySocks, which is not installed",
            "Run pip install 'requests[socks]', or unset the proxy in HTTPS_PROXY or ALL_PROXY.",
        ),
        (requests.exceptions.InvalidProxyURL, "the proxy's address can't be used", CHECK_PROXY),
        (urllib3.exceptions.ProxySchemeUnknown, "the proxy's address can't be used", CHECK_PROXY),
        (requests.exceptions.ProxyError, "the proxy did not let it through", CHECK_PROXY),
        (
            requests.exceptions.SSLError,
            "no secure connection could be made",
            f"A proxy or firewall may have answered in its place. Check these, and {BASE_URL_VARIABLE}.",
        ),
    )
    if any(map(_is_unverified, links)):
        return "its certificate could not be verified", f"A proxy may have replaced the certificate. {trust}"
    for kind, words, hint in causes:
        if any(isinstance(link, kind) for link in links):
            return words, hint
    words = "the connection broke"
    if any(isinstance(link, socket.gaierror) for link in links):
        words = "its name was not found"
    elif any(isinstance(link, ConnectionRefusedError) for link in links):
        words = "the connection was refused"
    return words, f"Check the network, a proxy or VPN, and {BASE_URL_VARIABLE}."


def _is_unverified(link: object) -> bool:
    """Return whether an exception is about a certificate: from ssl, which some Pythons lack, or urllib3."""
    return hasattr(link, "verify_code") or type(link).__name__ == "CertificateError"


def _links(error: BaseException) -> list[object]:
    """Return an exception with its causes, contexts, reasons and arguments."""
    chain: list[object] = [error]
    for link in chain:  # grows while being iterated
        if isinstance(link, BaseException):
            inner = (link.__cause__, link.__context__, getattr(link, "reason", None), *link.args)
            chain += [item for item in inner if item is not None and item not in chain]
    return chain
