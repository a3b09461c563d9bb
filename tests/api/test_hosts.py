"""Which servers a key is sent to, and by which way.

`HOSTS` is the table of base URLs, `WAYS` that of proxies in the environment.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from evolink_nb import EvoLinkClient
from evolink_nb.api.failures import BUNDLE_VARIABLES
from evolink_nb.api.settings import check_base_url, connection
from evolink_nb.errors import ConfigurationError
from tests.support.failing_server import (
    GOOD,
    KEY,
    FailingServer,
    Reply,
    failure_of,
    loopback_certificate,
    response,
)

UNUSABLE = "The base URL can't be used"
PLAIN = "A key is not sent over plain http"
SECRET = "The base URL must not contain a user name or a password"


class Host(NamedTuple):
    """A row: a base URL, and what is made of it or the error's words."""

    url: str
    outcome: str


HOSTS = [
    # forms of the same
    Host("https://api.evolink.ai", "https://api.evolink.ai"),
    Host(" https://api.evolink.ai/ \n", "https://api.evolink.ai"),
    Host("https://api.evolink.ai/v1", "https://api.evolink.ai"),
    Host("https://api.evolink.ai/v1/", "https://api.evolink.ai"),
    Host("https://api.evolink.ai///", "https://api.evolink.ai"),
    Host("HTTPS://api.evolink.ai:8443", "https://api.evolink.ai:8443"),
    Host("https://API.EvoLink.AI", "https://API.EvoLink.AI"),
    # paths
    Host("https://gate.example/evolink/v1/", "https://gate.example/evolink"),
    Host("https://gate.example/v10", "https://gate.example/v10"),
    Host("https://gate.example/v1/v1", "https://gate.example/v1"),
    Host("https://gate.example/a%20b", "https://gate.example/a%20b"),
    Host("https://gate.example/a/../b", "https://gate.example/a/../b"),
    Host("https://gate.example/a b", UNUSABLE),
    Host("https://gate.example/\x00", UNUSABLE),
    Host("https://gate.example/a\u2028b", UNUSABLE),
    Host("https://gate.example?key=1", UNUSABLE),
    Host("https://gate.example#top", UNUSABLE),
    # ports
    Host("https://gate.example:443", "https://gate.example:443"),
    Host("https://gate.example:0", "https://gate.example:0"),
    Host("https://gate.example:65535/v1", "https://gate.example:65535"),
    Host("https://gate.example:65536", UNUSABLE),
    Host("https://gate.example:-1", UNUSABLE),
    Host("https://gate.example:port", UNUSABLE),
    Host("https://gate.example:", UNUSABLE),
    Host("https://gate.example:8 0", UNUSABLE),
    Host("https://gate.example:٨٠", UNUSABLE),
    # names
    Host("https://gate.example.", "https://gate.example."),
    Host("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    Host("https://bücher.example", UNUSABLE),
    Host("https://\u0430pi.evolink.ai", UNUSABLE),  # a Cyrillic letter
    Host("https://api。evolink.ai", UNUSABLE),
    Host("https://my_gate.example", "https://my_gate.example"),
    Host("https://gate", "https://gate"),
    Host("https://-gate.example", "https://-gate.example"),
    Host("https://*.evolink.ai", UNUSABLE),
    Host("https://.ai", UNUSABLE),
    Host("https://a..ai", UNUSABLE),
    Host("https://exa mple.com", UNUSABLE),
    Host("https://%61pi.ai", UNUSABLE),
    Host("https://api.evolink.ai\\@evil.example", SECRET),
    Host("https://", UNUSABLE),
    Host("https://:443", UNUSABLE),
    Host("https:///v1", UNUSABLE),
    Host("https:api.evolink.ai", UNUSABLE),
    Host("https//api.evolink.ai", UNUSABLE),
    Host("//api.evolink.ai", UNUSABLE),
    Host("api.evolink.ai", UNUSABLE),
    Host("api.evolink.ai:443", UNUSABLE),
    # other schemes
    Host("ftp://api.evolink.ai", UNUSABLE),
    Host("file:///etc/passwd", UNUSABLE),
    Host("javascript:alert(1)", UNUSABLE),
    Host("ws://127.0.0.1", UNUSABLE),
    Host("unix:///run/api.sock", UNUSABLE),
    Host("http+unix://%2Frun%2Fapi.sock", UNUSABLE),
    # user names and passwords
    Host("https://sk-secret@api.evolink.ai", SECRET),
    Host("https://me:sk-secret@api.evolink.ai", SECRET),
    Host("https://@api.evolink.ai", SECRET),
    Host("https://:@api.evolink.ai", SECRET),
    Host("http://127.0.0.1@evil.example", SECRET),
    Host("http://127.0.0.1:80@evil.example", SECRET),
    # loopback, the only place for plain http
    Host("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    Host("http://127.9.9.9", "http://127.9.9.9"),
    Host("http://localhost:80/v1", "http://localhost:80"),
    Host("http://LOCALHOST", "http://LOCALHOST"),
    Host("http://[::1]:9", "http://[::1]:9"),
    Host("http://[0:0:0:0:0:0:0:1]", "http://[0:0:0:0:0:0:0:1]"),
    Host("http://localhost.", PLAIN),
    Host("http://sub.localhost", PLAIN),
    Host("http://localhost.evil.example", PLAIN),
    Host("http://127.0.0.1.evil.example", PLAIN),
    Host("http://127.0.0.1.", PLAIN),
    Host("http://127.1", PLAIN),
    Host("http://0177.0.0.1", PLAIN),
    Host("http://0x7f000001", PLAIN),
    Host("http://2130706433", PLAIN),
    Host("http://0.0.0.0:8000", PLAIN),
    Host("http://128.0.0.1", PLAIN),
    Host("http://192.168.0.1", PLAIN),
    Host("http://[::ffff:127.0.0.1]", PLAIN),
    Host("http://[::]", PLAIN),
    Host("http://[2001:db8::1]", PLAIN),
    Host("http://host.docker.internal", PLAIN),
    Host("http://api.evolink.ai", PLAIN),
    # IPv6
    Host("https://[2001:db8::1]", "https://[2001:db8::1]"),
    Host("https://[2001:DB8::1]:8443/v1", "https://[2001:DB8::1]:8443"),
    Host("https://2001:db8::1", UNUSABLE),
    Host("https://[::1", UNUSABLE),
    Host("https://::1]", UNUSABLE),
    Host("https://[fe80::1%25eth0]", UNUSABLE),
    Host("https://[v1.x]", UNUSABLE),
    Host("http://evil.example[::1]", UNUSABLE),
    Host("http://[::1]evil.example", UNUSABLE),
    Host(r"http://127.0.0.1\.evil.example", UNUSABLE),
    Host("http://127.0.0.1\t.evil.example", PLAIN),
]


@pytest.mark.parametrize("row", HOSTS, ids=lambda row: repr(row.url))
def test_a_host_is_taken_or_refused(row: Host) -> None:
    if row.outcome.startswith("http"):
        assert check_base_url(row.url) == row.outcome
        assert connection("sk-given", base_url=row.url).base_url == row.outcome
        return
    with pytest.raises(ConfigurationError, match=row.outcome) as caught:
        connection("sk-given", base_url=row.url)
    assert "EVOLINK_BASE_URL" in str(caught.value).splitlines()[1]
    assert "sk-secret" not in str(caught.value)


class Way(NamedTuple):
    """A row: a base URL, the environment, and whether a proxy is asked for it."""

    url: str
    variables: dict[str, str]
    way: str


PROXY = "http://proxy"
"""Stands for the address of a proxy."""
ELSEWHERE = "https://api.evolink.test"
HERE = "https://127.0.0.1"

WAYS = [
    Way(ELSEWHERE, {}, "direct"),
    Way(ELSEWHERE, {"https_proxy": PROXY}, "proxy"),
    Way(ELSEWHERE, {"HTTPS_PROXY": PROXY}, "proxy"),
    Way(ELSEWHERE, {"all_proxy": PROXY}, "proxy"),
    Way(ELSEWHERE, {"ALL_PROXY": PROXY}, "proxy"),
    Way(ELSEWHERE, {"https_proxy": PROXY.removeprefix("http://")}, "proxy"),
    Way(ELSEWHERE, {"http_proxy": PROXY}, "direct"),
    Way(ELSEWHERE, {"https_proxy": ""}, "direct"),
    Way(ELSEWHERE, {"https_proxy": PROXY, "no_proxy": "*"}, "direct"),
    Way(ELSEWHERE, {"https_proxy": PROXY, "no_proxy": "api.evolink.test"}, "direct"),
    Way(ELSEWHERE, {"https_proxy": PROXY, "NO_PROXY": "evolink.test"}, "direct"),
    Way(ELSEWHERE, {"https_proxy": PROXY, "no_proxy": ".evolink.test"}, "direct"),
    Way(ELSEWHERE, {"https_proxy": PROXY, "no_proxy": "other.test, evolink.test"}, "direct"),
    Way(ELSEWHERE, {"https_proxy": PROXY, "no_proxy": "other.test"}, "proxy"),
    Way(ELSEWHERE, {"https_proxy": PROXY, "no_proxy": ""}, "proxy"),
    Way(HERE, {"https_proxy": PROXY}, "direct"),
    Way(HERE, {"ALL_PROXY": PROXY}, "direct"),
    Way(HERE.replace("127.0.0.1", "localhost"), {"https_proxy": PROXY}, "direct"),
]


@pytest.mark.parametrize("row", WAYS, ids=lambda row: f"{row.url} {row.variables}")
def test_a_proxy_is_asked_or_passed_by(
    row: Way, clean_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, tls = loopback_certificate(clean_environment)
    for name in BUNDLE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    refusal = Reply(response(status="407 Proxy Authentication Required"), hang_up=True)
    find = socket.getaddrinfo
    with FailingServer(refusal) as proxy, FailingServer(GOOD, tls=tls) as target:

        def resolve(_host: object, port: Any, *rest: Any, **options: Any) -> Any:
            return find("127.0.0.1", port, *rest, **options)

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        for name, value in row.variables.items():
            monkeypatch.setenv(name, value.replace("proxy", f"127.0.0.1:{proxy.port}"))
        with EvoLinkClient(KEY, base_url=f"{row.url}:{target.port}") as client:
            error = failure_of(client)
        asked = {"proxy": proxy.connections > 0, "direct": target.connections > 0}
    assert asked == {"proxy": row.way == "proxy", "direct": row.way == "direct"}
    assert ("proxy did not let it through" in str(error)) is (row.way == "proxy")
    assert KEY not in "".join(proxy.heads + target.heads)
