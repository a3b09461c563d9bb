"""What goes wrong with TLS is one error that says so, and the key is not sent.

`FAULTS` is the table: what a server does when a connection is made to it, and what comes of it.
"""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from evolink_nb import EvoLinkClient
from tests.support.failing_server import (
    GOOD,
    KEY,
    SILENCE,
    FailingServer,
    Reply,
    failure_of,
    loopback_certificate,
)

UNVERIFIED = "its certificate could not be verified"
BROKE = "the connection broke"
INSECURE = "no secure connection could be made"
LATE = "within 0.5 s"
NO_ANSWER = "No answer from"
"""Which words follow depends on how far the handshake has come."""
ALERT = b"\x15\x03\x03\x00\x02\x02\x28"
"""A fatal alert: the handshake failed."""

Serve = Callable[[Path], FailingServer]


def with_certificate(*, days: int = 1, address: str = "127.0.0.1", trusted: bool = True) -> Serve:
    """A server whose certificate ends in so many days and is for that address."""

    def serve(folder: Path) -> FailingServer:
        end = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
        certificate, tls = loopback_certificate(folder, address=address, end=end)
        if not trusted:
            certificate.write_bytes(loopback_certificate(folder / "other")[0].read_bytes())
        return FailingServer(GOOD, tls=tls)

    return serve


def with_ciphers(folder: Path) -> FailingServer:
    """A server that can do only what no client offers any more."""
    _, tls = loopback_certificate(folder)
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.set_ciphers("PSK")
    return FailingServer(GOOD, tls=tls)


def with_client_certificates(folder: Path) -> FailingServer:
    """A server that asks for the client's certificate."""
    certificate, tls = loopback_certificate(folder)
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(certificate)
    return FailingServer(GOOD, tls=tls)


def without_tls(*replies: Reply) -> Serve:
    """A server that speaks no TLS, whatever the address says."""

    def serve(folder: Path) -> FailingServer:
        loopback_certificate(folder)
        return FailingServer(*replies)

    return serve


class Fault(NamedTuple):
    """A row: what is wrong, the server that does it, and the error."""

    name: str
    serve: Serve
    error: str


FAULTS = [
    Fault("certificate: of nobody we trust", with_certificate(trusted=False), UNVERIFIED),
    Fault("certificate: of yesterday", with_certificate(days=-1), UNVERIFIED),
    Fault("certificate: of another address", with_certificate(address="127.0.0.2"), UNVERIFIED),
    Fault("handshake: no common cipher", with_ciphers, INSECURE),
    Fault("handshake: a certificate is asked for", with_client_certificates, INSECURE),
    Fault("handshake: closed at once", without_tls(Reply(hasty=True, hang_up=True)), NO_ANSWER),
    Fault("handshake: cut off at once", without_tls(Reply(hasty=True, reset=True)), NO_ANSWER),
    Fault("handshake: an alert", without_tls(Reply(ALERT, hasty=True, hang_up=True)), INSECURE),
    Fault("handshake: half a record", without_tls(Reply(ALERT[:4], hasty=True, hang_up=True)), NO_ANSWER),
    Fault("handshake: a page", without_tls(Reply(GOOD.at_once, hasty=True, hang_up=True)), INSECURE),
    Fault("handshake: zeros", without_tls(Reply(b"\x00" * 100, hasty=True, hang_up=True)), INSECURE),
    Fault("handshake: silence", without_tls(SILENCE), LATE),
    Fault("handshake: drops", without_tls(Reply(hasty=True, dripping=b"\x16\x03\x03\x40\x00" * 40)), LATE),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_tls_sends_no_key(
    fault: Fault, clean_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(clean_environment / "certificate.pem"))
    # Only who waits for the end of it needs a short one; a busy machine may need longer for a handshake.
    timeout = 0.5 if fault.error == LATE else 10.0
    with fault.serve(clean_environment) as server:
        url = f"https://127.0.0.1:{server.port}"
        with EvoLinkClient(KEY, base_url=url, timeout=timeout) as client:
            error = failure_of(client)
        server.wait_until_all_closed()
    assert fault.error in str(error), error
    assert KEY not in f"{error} {vars(error)}"
    assert not [head for head in server.heads if KEY in head]


def test_https_asked_by_http_is_an_error(clean_environment: Path) -> None:
    _, tls = loopback_certificate(clean_environment)
    with FailingServer(GOOD, tls=tls) as server:
        url = f"http://127.0.0.1:{server.port}"
        with EvoLinkClient(KEY, base_url=url) as client:
            assert BROKE in str(failure_of(client))
