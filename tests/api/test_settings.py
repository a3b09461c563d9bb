"""Where the key and the base URL come from: each source, their order, and what is refused."""

from __future__ import annotations

import copy
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator
from types import ModuleType

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend

from evolink_nb.api import credentials, settings
from evolink_nb.api.credentials import Secret
from evolink_nb.api.settings import DEFAULT_BASE_URL, check_base_url, connection
from evolink_nb.demo import DemoServer, stop_running
from evolink_nb.errors import ConfigurationError

Provide = Callable[[pytest.MonkeyPatch], None]


class DrawerKeyring(KeyringBackend):
    """A keyring that keeps passwords in a drawer, and may be stuck."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring's own
        self.passwords: dict[tuple[str, str], str] = {}
        self.stuck = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.stuck:
            raise RuntimeError("the drawer is stuck")
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.stuck:
            raise RuntimeError(f"the drawer is stuck on {password}")
        self.passwords[service, username] = password


@pytest.fixture(autouse=True)
def nobody_has_logged_in() -> Iterator[None]:
    yield
    credentials.login.forget()


@pytest.fixture(autouse=True)
def drawer() -> Iterator[DrawerKeyring]:
    before, drawer = keyring.get_keyring(), DrawerKeyring()
    keyring.set_keyring(drawer)
    yield drawer
    keyring.set_keyring(before)


@pytest.fixture
def demo_of_this_process() -> Iterator[None]:
    yield
    stop_running()


def colab(answer: str | Exception | None) -> dict[str, ModuleType]:
    """The modules of a Colab whose secrets give this answer for the API key."""

    def get(name: str) -> str | None:
        assert name == credentials.API_KEY_VARIABLE
        if isinstance(answer, Exception):
            raise answer
        return answer

    package, userdata = ModuleType("google.colab"), ModuleType("google.colab.userdata")
    userdata.get = get  # type: ignore[attr-defined]
    package.userdata = userdata  # type: ignore[attr-defined]
    return {"google": ModuleType("google"), "google.colab": package, "google.colab.userdata": userdata}


def in_colab(monkeypatch: pytest.MonkeyPatch, answer: str | Exception | None) -> None:
    for name, module in colab(answer).items():
        monkeypatch.setitem(sys.modules, name, module)


def log_in(_: pytest.MonkeyPatch) -> None:
    credentials.login.enter(Secret("sk-from-login"))


def set_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", "sk-from-env")


def set_colab_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    in_colab(monkeypatch, "sk-from-colab")


def fill_drawer(_: pytest.MonkeyPatch) -> None:
    keyring.set_password(credentials.KEYRING_SERVICE, DEFAULT_BASE_URL, "sk-from-drawer")


SOURCES: list[tuple[Provide, str, str]] = [
    (log_in, "sk-from-login", "%evolink_login"),
    (set_variable, "sk-from-env", "EVOLINK_API_KEY"),
    (set_colab_secret, "sk-from-colab", "Colab's secrets"),
    (fill_drawer, "sk-from-drawer", "keyring"),
]


@pytest.mark.parametrize("first", range(len(SOURCES)))
def test_the_first_source_that_has_a_key_gives_it(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for provide, _, _ in SOURCES[first:]:
        provide(monkeypatch)
    found = connection()
    assert (found.key.reveal(), found.source) == SOURCES[first][1:]
    assert found.base_url == DEFAULT_BASE_URL


def test_the_argument_wins_over_every_source(monkeypatch: pytest.MonkeyPatch) -> None:
    for provide, _, _ in SOURCES:
        provide(monkeypatch)
    assert connection("sk-given").key.reveal() == "sk-given"
    assert connection(Secret("sk-given")).source == "argument"


def test_a_named_variable_wins_over_the_other_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    for provide, _, _ in SOURCES:
        provide(monkeypatch)
    monkeypatch.setenv("MY_KEY", "  sk-mine\n")
    found = connection(key_variable="MY_KEY")
    assert (found.key.reveal(), found.source) == ("sk-mine", "MY_KEY")


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_named_variable_without_a_key_does_not_fall_back(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", "sk-another")
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(ConfigurationError, match="MY_KEY is not set") as caught:
        connection(key_variable="MY_KEY")
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("answer", [None, "", RuntimeError("access not granted")], ids=repr)
def test_a_colab_without_the_secret_is_passed_over(
    answer: str | Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_colab(monkeypatch, answer)
    fill_drawer(monkeypatch)
    assert connection().source == "keyring"


def test_a_locked_keyring_is_as_good_as_none(drawer: DrawerKeyring) -> None:
    drawer.stuck = True
    with pytest.raises(ConfigurationError, match="No EvoLink API key was found") as caught:
        connection()
    assert caught.value.__context__ is None


def test_without_a_key_anywhere_the_error_names_the_ways_to_give_one() -> None:
    with pytest.raises(ConfigurationError) as caught:
        connection()
    _, ways = str(caught.value).splitlines()
    for way in ("EVOLINK_API_KEY", "%evolink_login", "%evolink_credits --demo"):
        assert way in ways


def test_a_key_of_the_keyring_belongs_to_one_base_url(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials.save_key(Secret("sk-gateway"), "https://gateway.example")
    with pytest.raises(ConfigurationError):
        connection()
    monkeypatch.setenv("EVOLINK_BASE_URL", "https://gateway.example/v1/")
    assert (connection().key.reveal(), connection().base_url) == ("sk-gateway", "https://gateway.example")


def test_a_keyring_that_cannot_keep_a_key_is_told_without_the_key(drawer: DrawerKeyring) -> None:
    drawer.stuck = True
    key = Secret("sk-" + "secret")
    with pytest.raises(ConfigurationError, match="was not saved: RuntimeError") as caught:
        credentials.save_key(key, DEFAULT_BASE_URL)
    text = shown(caught.value)
    assert "RuntimeError" in text
    assert key.reveal() not in text


def test_the_login_is_forgotten_when_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(monkeypatch)
    credentials.login.forget()
    with pytest.raises(ConfigurationError):
        connection()


@pytest.mark.usefixtures("demo_of_this_process")
@pytest.mark.parametrize("yes", ["1", "true", "YES", "on"])
def test_the_demo_can_be_the_default(yes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_NB_DEMO", yes)
    set_variable(monkeypatch)
    found = connection()
    assert found.source == "demo"
    assert found.base_url.startswith("http://127.0.0.1:")
    assert connection().base_url == found.base_url
    assert connection(demo=False).key.reveal() == "sk-from-env"


@pytest.mark.parametrize("no", ["", "0", "false", "off", "no"])
def test_the_demo_is_not_the_default(no: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_NB_DEMO", no)
    set_variable(monkeypatch)
    assert connection().source == "EVOLINK_API_KEY"


def test_what_is_asked_for_by_name_is_not_turned_into_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_NB_DEMO", "1")
    monkeypatch.setenv("MY_KEY", "sk-mine")
    assert connection("sk-given").base_url == DEFAULT_BASE_URL
    assert connection(key_variable="MY_KEY").base_url == DEFAULT_BASE_URL


def test_a_demo_that_runs_already_is_shared(demo_server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", demo_server.key)
    monkeypatch.setenv("EVOLINK_BASE_URL", demo_server.url)
    found = connection(demo=True)
    assert (found.base_url, found.key.reveal(), found.source) == (demo_server.url, demo_server.key, "demo")


@pytest.mark.usefixtures("demo_of_this_process")
@pytest.mark.parametrize(("key", "url"), [("sk-real", "{}"), ("{}", "https://api.evolink.ai"), ("{}", "")])
def test_a_real_key_or_server_is_never_taken_for_the_demo(
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
def test_base_urls_are_taken_in_many_forms(url: str, taken: str) -> None:
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
def test_hosts_that_parsers_disagree_on_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        check_base_url(url)


def test_credentials_in_a_base_url_are_refused_and_not_quoted() -> None:
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
def test_any_text_is_a_base_url_or_a_configuration_error(text: str, start: str) -> None:
    try:
        url = check_base_url(start + text)
    except ConfigurationError:
        return
    assert check_base_url(url) == url
    assert url.startswith("https://") or settings.is_loopback(
        url.removeprefix("http://").split("/")[0].split(":")[0]
    )


@pytest.mark.parametrize(
    "key", ["", "  ", "sk two words", "sk-\nline", "sk-\N{EN DASH}", "sk-\x00", "sk-ключ"]
)
def test_keys_that_cannot_be_sent_are_refused_without_being_shown(key: str) -> None:
    for attempt in (Secret, connection):
        with pytest.raises(ConfigurationError, match="can't be sent") as caught:
            attempt(key)
        # The first frame is this one, and knows the key.
        text = shown(caught.value.with_traceback(caught.tb.tb_next))
        assert "can't be sent" in text
        assert not key.strip() or (key not in text and repr(key) not in text)


def test_white_space_around_a_key_is_dropped() -> None:
    assert Secret("\tsk-pasted \r\n").reveal() == "sk-pasted"


def test_a_secret_is_not_shown_copied_to_text_or_pickled() -> None:
    secret = Secret("sk-secret")
    found = connection(secret)
    for text in (repr(secret), str(secret), f"{secret}", repr(found), str(found), repr([secret])):
        assert "sk-secret" not in text
    for copying in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            copying(secret)
    assert not hasattr(secret, "__dict__")


def test_a_secret_is_taken_out_of_a_text() -> None:
    assert Secret("sk-secret").redact("no sk-secret, sk-secret!") == "no [key], [key]!"


def shown(error: BaseException) -> str:
    """The traceback as tools print it that show the variables of every frame."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
