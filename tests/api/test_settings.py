"""The base URL, the order in which settings count, and the demo as a setting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.api import settings
from evolink_nb.api.credentials import Secret
from evolink_nb.api.settings import DEFAULT_BASE_URL, check_base_url, connection
from evolink_nb.demo import DemoServer, stop_running
from evolink_nb.errors import ConfigurationError
from tests.support.key_sources import SOURCES, set_variable


@pytest.fixture
def demo_of_this_process() -> Iterator[None]:
    """The simulated account that this process starts for itself, ended with the test."""
    yield
    stop_running()


@pytest.mark.parametrize("first", range(len(SOURCES)))
def test_found_key_goes_with_the_base_url(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for fill, _, _ in SOURCES[first:]:
        fill(monkeypatch)
    found = connection()
    assert (found.key.reveal(), found.source) == SOURCES[first][1:]
    assert found.base_url == DEFAULT_BASE_URL


def test_argument_wins_over_every_source(monkeypatch: pytest.MonkeyPatch) -> None:
    for fill, _, _ in SOURCES:
        fill(monkeypatch)
    assert connection("sk-given").key.reveal() == "sk-given"
    assert connection(Secret("sk-given")).source == "argument"


def test_named_variable_wins_over_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for fill, _, _ in SOURCES:
        fill(monkeypatch)
    monkeypatch.setenv("MY_KEY", "  sk-mine\n")
    found = connection(key_variable="MY_KEY")
    assert (found.key.reveal(), found.source) == ("sk-mine", "MY_KEY")


def test_missing_key_error_names_the_ways() -> None:
    with pytest.raises(ConfigurationError) as caught:
        connection()
    _, ways = str(caught.value).splitlines()
    for way in ("EVOLINK_API_KEY", "%evolink_login", "%evolink_credits --demo"):
        assert way in ways


@pytest.mark.usefixtures("demo_of_this_process")
@pytest.mark.parametrize("yes", ["1", "true", "YES", "on"])
def test_demo_can_be_the_default(yes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_NB_DEMO", yes)
    set_variable(monkeypatch)
    found = connection()
    assert found.source == "demo"
    assert found.base_url.startswith("http://127.0.0.1:")
    assert connection().base_url == found.base_url
    assert connection(demo=False).key.reveal() == "sk-from-env"


@pytest.mark.parametrize("no", ["", "0", "false", "off", "no"])
def test_other_values_are_not_the_demo(no: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_NB_DEMO", no)
    set_variable(monkeypatch)
    assert connection().source == "EVOLINK_API_KEY"


def test_named_settings_are_not_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_NB_DEMO", "1")
    monkeypatch.setenv("MY_KEY", "sk-mine")
    assert connection("sk-given").base_url == DEFAULT_BASE_URL
    assert connection(key_variable="MY_KEY").base_url == DEFAULT_BASE_URL


def test_running_demo_is_shared(demo_server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", demo_server.key)
    monkeypatch.setenv("EVOLINK_BASE_URL", demo_server.url)
    found = connection(demo=True)
    assert (found.base_url, found.key.reveal(), found.source) == (demo_server.url, demo_server.key, "demo")


@pytest.mark.usefixtures("demo_of_this_process")
@pytest.mark.parametrize(("key", "url"), [("sk-real", "{}"), ("{}", "https://api.evolink.ai"), ("{}", "")])
def test_real_key_or_server_is_not_the_demo(
    key: str, url: str, demo_server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", key.format(demo_server.key))
    monkeypatch.setenv("EVOLINK_BASE_URL", url.format(demo_server.url))
    found = connection(demo=True)
    assert found.base_url.startswith("http://127.0.0.1:")
    assert found.base_url != demo_server.url
    assert found.key.reveal() != "sk-real"


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://api.evolink.ai", "https://api.evolink.ai"),
        (" https://api.evolink.ai/ \n", "https://api.evolink.ai"),
        ("https://api.evolink.ai/v1", "https://api.evolink.ai"),
        ("https://api.evolink.ai/v1/", "https://api.evolink.ai"),
        ("HTTPS://api.evolink.ai:8443", "https://api.evolink.ai:8443"),
        ("https://gate.example/evolink/v1/", "https://gate.example/evolink"),
        ("https://gate.example/v10", "https://gate.example/v10"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://localhost:80/v1", "http://localhost:80"),
        ("http://LOCALHOST", "http://LOCALHOST"),
        ("http://[::1]:9", "http://[::1]:9"),
    ],
)
def test_base_url_may_have_many_forms(url: str, taken: str) -> None:
    assert check_base_url(url) == taken
    assert connection("sk-given", base_url=url).base_url == taken


@pytest.mark.parametrize(
    "url",
    [
        "api.evolink.ai",
        "ftp://api.evolink.ai",
        "file:///etc/passwd",
        "https://",
        "https://:443",
        "https:///v1",
        "https://api.evolink.ai?key=1",
        "https://api.evolink.ai#top",
        "https://api.evolink.ai:99999",
        "https://api.evolink.ai:port",
        "https://exa mple.com",
        "https://*.evolink.ai",
        "https://.ai",
        "https://a..ai",
        "https://%61pi.ai",
        "https://api.evolink.ai/a b",
        "https://api.evolink.ai/\x00",
        "https://[::1",
        "//api.evolink.ai",
    ],
)
def test_other_base_urls_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="The base URL can't be used") as caught:
        connection("sk-given", base_url=url)
    assert "EVOLINK_BASE_URL" in str(caught.value).splitlines()[1]


@pytest.mark.parametrize(
    "url",
    [
        "http://api.evolink.ai",
        "http://128.0.0.1",
        "http://0.0.0.0:8000",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://127.1",
        "http://2130706433",
        "http://[2001:db8::1]",
    ],
)
def test_plain_http_is_for_loopback_only(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not sent over plain http"):
        connection("sk-given", base_url=url)


@pytest.mark.parametrize(
    "url", ["http://evil.example[::1]", "http://[::1]evil.example", r"http://127.0.0.1\.evil.example"]
)
def test_ambiguous_hosts_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        check_base_url(url)


def test_credentials_in_a_url_are_refused() -> None:
    for url in (
        "https://sk-secret@api.evolink.ai",
        "http://me:sk-secret@127.0.0.1",
        "http://127.0.0.1@evil.example",
    ):
        with pytest.raises(ConfigurationError, match="user name or a password") as caught:
            check_base_url(url)
        assert "sk-secret" not in str(caught.value)


@given(
    st.text(max_size=40),
    st.sampled_from(["", "http://", "https://", "https://a.example/", "http://127.0.0.1"]),
)
def test_any_text_is_a_base_url_or_an_error(text: str, start: str) -> None:
    try:
        url = check_base_url(start + text)
    except ConfigurationError:
        return
    assert check_base_url(url) == url
    assert url.startswith("https://") or settings.is_loopback(
        url.removeprefix("http://").split("/")[0].split(":")[0]
    )
