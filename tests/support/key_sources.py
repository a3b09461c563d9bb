"""Every source of a key, none of them the system's own: the login, the environment, Colab, a keyring."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

import keyring
from keyring.backend import KeyringBackend

from evolink_nb.api import credentials
from evolink_nb.api.credentials import Secret
from evolink_nb.api.settings import DEFAULT_BASE_URL

if TYPE_CHECKING:
    import pytest


class MemoryKeyring(KeyringBackend):
    """A keyring that keeps passwords in memory, and may be locked."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring's own
        self.passwords: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise RuntimeError("the keyring is locked")
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise RuntimeError(f"the keyring is locked; {password} was not saved")
        self.passwords[service, username] = password


def in_colab(monkeypatch: pytest.MonkeyPatch, answer: str | Exception | None) -> None:
    """Make this process a Colab kernel whose secrets give ``answer`` for the API key."""

    def get(name: str) -> str | None:
        assert name == credentials.API_KEY_VARIABLE
        if isinstance(answer, Exception):
            raise answer
        return answer

    package, userdata = ModuleType("google.colab"), ModuleType("google.colab.userdata")
    userdata.get = get  # type: ignore[attr-defined]
    package.userdata = userdata  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google", ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", package)
    monkeypatch.setitem(sys.modules, "google.colab.userdata", userdata)


def log_in(_: pytest.MonkeyPatch) -> None:
    """Enter a key."""
    credentials.login.enter(Secret("sk-from-login"))


def set_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a key into the environment."""
    monkeypatch.setenv("EVOLINK_API_KEY", "sk-from-env")


def set_colab_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a key into Colab's secrets."""
    in_colab(monkeypatch, "sk-from-colab")


def fill_keyring(_: pytest.MonkeyPatch) -> None:
    """Put a key into the keyring."""
    keyring.set_password(credentials.KEYRING_SERVICE, DEFAULT_BASE_URL, "sk-from-keyring")


SOURCES: list[tuple[Callable[[pytest.MonkeyPatch], None], str, str]] = [
    (log_in, "sk-from-login", "%evolink_login"),
    (set_variable, "sk-from-env", "EVOLINK_API_KEY"),
    (set_colab_secret, "sk-from-colab", "Colab's secrets"),
    (fill_keyring, "sk-from-keyring", "keyring"),
]
"""How each source is filled, the key it then holds and its name, in the order in which they are asked."""


def with_locals(error: BaseException) -> str:
    """Return the traceback as tools print it that show the variables of every frame."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
