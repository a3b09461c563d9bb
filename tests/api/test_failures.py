"""What is said when there is no answer: what broke and what to do, in no exception's own words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import requests
import requests.adapters

from evolink_nb import EvoLinkClient, errors
from evolink_nb.api.failures import BUNDLE_VARIABLES
from tests.support.failing_server import GOOD, KEY, FailingServer, Reply, loopback_certificate, response

if TYPE_CHECKING:
    from pathlib import Path

ELSEWHERE = "https://api.evolink.test"
PASSWORD = "pr0xy-pass"


@pytest.fixture(autouse=True)
def no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """No certificates of this machine's own."""
    for name in BUNDLE_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def failure_of(base_url: str) -> str:
    """What an attempt at an address that doesn't answer says."""
    with EvoLinkClient(KEY, base_url=base_url) as client:
        with pytest.raises(errors.APIConnectionError) as caught:
            client.get_credits()
        said = str(caught.value)
    assert KEY not in said
    assert PASSWORD not in said
    return said


@pytest.mark.parametrize(
    ("variables", "words", "advice"),
    [
        (
            {"REQUESTS_CA_BUNDLE": "/nowhere/ca.pem"},
            "REQUESTS_CA_BUNDLE names a file that doesn't exist",
            "or unset it",
        ),
        (
            {"CURL_CA_BUNDLE": "/nowhere/ca.pem"},
            "CURL_CA_BUNDLE names a file that doesn't exist",
            "or unset it",
        ),
        ({"https_proxy": f"socks5://u:{PASSWORD}@127.0.0.1:9"}, "PySocks", "requests[socks]"),
        ({"all_proxy": f"socks5h://u:{PASSWORD}@127.0.0.1:9"}, "PySocks", "requests[socks]"),
        ({"https_proxy": f"http://u:{PASSWORD}@127.0.0.1:9"}, "the proxy did not let it through", "NO_PROXY"),
        ({"https_proxy": f"ftp://u:{PASSWORD}@127.0.0.1:9"}, "the proxy's address", "HTTPS_PROXY"),
        ({"https_proxy": "http://"}, "the proxy's address", "HTTPS_PROXY"),
    ],
)
@pytest.mark.usefixtures("no_pysocks")
def test_the_environment_is_named(
    variables: dict[str, str], words: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    said, advised = failure_of(ELSEWHERE).splitlines()
    assert words in said
    assert advice in advised


@pytest.fixture
def no_pysocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests as it is without PySocks, which other packages may have brought."""

    def missing(*_: object, **__: object) -> None:
        raise requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")

    monkeypatch.setattr(requests.adapters, "SOCKSProxyManager", missing)


@pytest.mark.parametrize("named", [True, False], ids=["in the environment", "nowhere"])
def test_untrusted_certificates_say_whose(
    named: bool, clean_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, tls = loopback_certificate(clean_environment)
    other = clean_environment / "other"
    other.mkdir()
    if named:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(loopback_certificate(other)[0]))
    with FailingServer(GOOD, tls=tls) as server:
        said, advised = failure_of(server.url).splitlines()
    assert "its certificate could not be verified" in said
    assert ("Check REQUESTS_CA_BUNDLE." in advised) is named
    assert ("set REQUESTS_CA_BUNDLE to" in advised) is not named


def test_plain_http_needs_no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    assert "REQUESTS_CA_BUNDLE" not in failure_of("http://127.0.0.1:9")


@pytest.mark.parametrize("variable", ["https_proxy", "all_proxy"])
def test_loopback_uses_no_proxy_for_https(
    variable: str, clean_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy's own loopback is another machine's."""
    certificate, tls = loopback_certificate(clean_environment)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with FailingServer(GOOD) as proxy, FailingServer(GOOD, tls=tls) as server:
        monkeypatch.setenv(variable, proxy.url)
        with server.client() as client:
            client.get_credits()
    assert (len(server.heads), proxy.connections) == (1, 0)


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("304 Not Modified", "didn't ask whether anything had changed. Let no proxy or gateway cache"),
        ("300 Multiple Choices", "Redirects are not followed"),
        ("103 Early Hints", "Only an interim answer arrived"),
        ("101 Switching Protocols", "Only an interim answer arrived"),
    ],
)
def test_answers_that_are_none_are_explained(status: str, advice: str) -> None:
    with (
        FailingServer(Reply(response(status=status), hang_up=True)) as server,
        server.client() as client,
        pytest.raises(errors.APIStatusError, match=re.escape(advice)) as caught,
    ):
        client.get_credits()
    assert caught.value.status == int(status[:3])
