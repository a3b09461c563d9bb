"""The key: how it is held, where it is found and how it is saved."""

from __future__ import annotations

import copy
import pickle

import pytest

from evolink_nb.api import credentials
from evolink_nb.api.credentials import Secret, find_key
from evolink_nb.api.settings import DEFAULT_BASE_URL, connection
from evolink_nb.errors import ConfigurationError
from tests.support.key_sources import (
    SOURCES,
    MemoryKeyring,
    fill_keyring,
    in_colab,
    log_in,
    set_variable,
    with_locals,
)


@pytest.mark.parametrize("first", range(len(SOURCES)))
def test_first_source_with_a_key_wins(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for fill, _, _ in SOURCES[first:]:
        fill(monkeypatch)
    found = find_key(DEFAULT_BASE_URL)
    assert found is not None
    assert (found[0].reveal(), found[1]) == SOURCES[first][1:]


def test_no_source_with_a_key_is_none() -> None:
    assert find_key(DEFAULT_BASE_URL) is None


@pytest.mark.parametrize("answer", [None, "", RuntimeError("access not granted")], ids=repr)
def test_colab_without_the_secret_is_skipped(
    answer: str | Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_colab(monkeypatch, answer)
    fill_keyring(monkeypatch)
    assert connection().source == "keyring"


def test_locked_keyring_holds_no_key(memory_keyring: MemoryKeyring) -> None:
    memory_keyring.locked = True
    with pytest.raises(ConfigurationError, match="No EvoLink API key was found") as caught:
        connection()
    assert caught.value.__context__ is None


def test_keyring_has_a_key_per_base_url(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials.save_key(Secret("sk-gateway"), "https://gateway.example")
    with pytest.raises(ConfigurationError):
        connection()
    monkeypatch.setenv("EVOLINK_BASE_URL", "https://gateway.example/v1/")
    assert (connection().key.reveal(), connection().base_url) == ("sk-gateway", "https://gateway.example")


def test_failed_save_is_told_without_the_key(memory_keyring: MemoryKeyring) -> None:
    memory_keyring.locked = True
    key = Secret("sk-" + "secret")
    with pytest.raises(ConfigurationError, match="was not saved: RuntimeError") as caught:
        credentials.save_key(key, DEFAULT_BASE_URL)
    text = with_locals(caught.value)
    assert "RuntimeError" in text
    assert key.reveal() not in text


def test_forgotten_login_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(monkeypatch)
    credentials.login.forget()
    with pytest.raises(ConfigurationError):
        connection()


@pytest.mark.parametrize("value", [None, "", "  "])
def test_named_variable_without_a_key_fails(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variable(monkeypatch)  # is not fallen back to
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(ConfigurationError, match="MY_KEY is not set") as caught:
        connection(key_variable="MY_KEY")
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    "key", ["", "  ", "sk two words", "sk-\nline", "sk-\N{EN DASH}", "sk-\x00", "sk-ключ"]
)
def test_unusable_key_is_refused_unshown(key: str) -> None:
    for attempt in (Secret, connection):
        with pytest.raises(ConfigurationError, match="can't be sent") as caught:
            attempt(key)
        # The first frame is this one, and knows the key.
        text = with_locals(caught.value.with_traceback(caught.tb.tb_next))
        assert "can't be sent" in text
        assert not key.strip() or (key not in text and repr(key) not in text)


def test_white_space_around_a_key_is_dropped() -> None:
    assert Secret("\tsk-pasted \r\n").reveal() == "sk-pasted"


def test_secret_is_not_shown_or_copied() -> None:
    secret = Secret("sk-secret")
    found = connection(secret)
    for text in (repr(secret), str(secret), f"{secret}", repr(found), str(found), repr([secret])):
        assert "sk-secret" not in text
    for copying in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            copying(secret)
    assert not hasattr(secret, "__dict__")


def test_secret_is_redacted_from_a_text() -> None:
    assert Secret("sk-secret").redact("no sk-secret, sk-secret!") == "no [key], [key]!"
