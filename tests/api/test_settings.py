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
