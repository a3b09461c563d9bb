"""The key: how it is held, where it is found and how it is saved."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize(
    "pasted",
    [
        '"sk-pasted"',
        "'sk-pasted' ",
        "`sk-pasted`",
        "\N{LEFT DOUBLE QUOTATION MARK}sk-pasted\N{RIGHT DOUBLE QUOTATION MARK}",
        "Bearer sk-pasted",
        "bearer  sk-pasted\n",
        "Authorization: Bearer sk-pasted",
        '"Bearer sk-pasted"',
        "Bearer 'sk-pasted'",
    ],
)
def test_what_comes_with_pasting_is_dropped(pasted: str) -> None:
    assert Secret(pasted).reveal() == "sk-pasted"
    assert connection(pasted).key.reveal() == "sk-pasted"


@pytest.mark.parametrize("pasted", ['""', "Bearer ", "'Bearer '", "Bearer sk two"])
def test_nothing_but_wrapping_is_no_key(pasted: str) -> None:
    with pytest.raises(ConfigurationError, match="can't be sent"):
        Secret(pasted)


ECHOES = [
    "sk-s3cret/K.ey+1",
    "SK-S3CRET/K.EY+1",
    "s3cret/K.ey+1",
    "sk-s3cret%2FK.ey%2B1",
    "sk-s3cret%2fK.ey%2b1",
    "%73%6B-s3cret/K.ey+1",
    "%73%6b%2d%73%33%63%72%65%74%2f%4b%2e%65%79%2b%31",
]


@pytest.mark.parametrize("echo", ECHOES)
def test_echo_in_any_form_is_redacted(echo: str) -> None:
    secret = Secret("sk-s3cret/K.ey+1")
    assert secret.redact(echo) == "[key]"
    assert secret.redact(f"no {echo}, 100%{echo}%\u0130!") == "no [key], 100%[key]%\u0130!"
    assert secret.redact(f"{echo}{echo}") == "[key][key]"


def test_short_rest_of_a_key_is_a_word() -> None:
    assert Secret("sk-key").redact("your key is sk-key") == "your key is [key]"


@given(st.text(), st.text())
def test_other_text_stays_as_it_is(before: str, after: str) -> None:
    secret = Secret("sk-s3cret/K.ey+1")
    assert secret.redact(before) == before
    assert secret.redact(f"{before}[sk-s3cret/K.ey+1]{after}") == f"{before}[[key]]{after}"


def test_key_in_place_of_a_name_is_not_shown() -> None:
    with pytest.raises(ConfigurationError, match="not the name of an environment variable") as caught:
        connection(key_variable="sk-s3cret")
    assert "s3cret" not in str(caught.value)


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
