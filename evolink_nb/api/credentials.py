"""The API key: how it is held, where it is looked for, and how it is saved.

The sources, in this order: the key entered with ``%evolink_login``, ``EVOLINK_API_KEY``, Colab's secrets, the
system keyring.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from ..errors import ConfigurationError

API_KEY_VARIABLE = "EVOLINK_API_KEY"
"""The API key."""
KEYRING_SERVICE = "evolink_nb"
KEY_PREFIX = "sk-"
MIN_TAIL = 8
"""The fewest characters after a key's prefix that are redacted without the prefix: fewer may be a word."""

_ROUNDS = 100_000
_QUOTES = "\"'`\u2018\u2019\u201c\u201d"
_PASTED = re.compile(
    rf"^[\s{_QUOTES}]*(?:(?:Authorization:\s*)?Bearer\s+)?[\s{_QUOTES}]*|[\s{_QUOTES}]+$", re.IGNORECASE
)
_UNITS = re.compile("%[0-9a-f]{2}|.", re.IGNORECASE | re.DOTALL)
"""The units of a text: single characters, percent-encoded or not."""
_LIKE_A_KEY = re.compile("[-.]|.{40}")
"""Matches what occurs in keys but not in variable names."""


class Secret:
    """A key that is never printed: its repr, str and pickle don't contain it."""

    __slots__ = ("_fingerprints", "_reveal")

    def __init__(self, value: str) -> None:
        """Hold a key.

        Args:
            value: The key. White space, quotes and "Bearer " around it, as pasting may add, are dropped.

        Raises:
            ConfigurationError: The key is empty or can't be sent in a header.
        """
        value = _PASTED.sub("", value)
        usable = bool(value) and value.isascii() and value.isprintable() and " " not in value
        # A closure rather than an attribute: walking an object's attributes never finds the key.
        self._reveal: Callable[[], str] = lambda: value
        self._fingerprints: dict[tuple[bytes, str], str] = {}
        if not usable:
            # No part of the key may stay in this frame: tracebacks can print its variables.
            value = ""
            raise ConfigurationError(
                "The API key is empty or contains characters that can't be sent.",
                hint="Copy it again from EvoLink's console, without quotes or line breaks.",
            )

    def reveal(self) -> str:
        """Return the key, for the request header and the keyring."""
        return self._reveal()

    def fingerprint(self, salt: bytes, scope: str) -> str:
        """Return a text that identifies the key in a database: always the same, with no way back to the key.

        Args:
            salt: The database's own.
            scope: What the key is for; the same key has a different fingerprint in each scope.
        """
        known = self._fingerprints.get((salt, scope))
        if known is None:
            # Slow on purpose: someone with the database can only guess keys, and each guess takes this long.
            seen = f"{scope}\n{self._reveal()}".encode()
            known = hashlib.pbkdf2_hmac("sha256", seen, salt, _ROUNDS, dklen=16).hex()
            self._fingerprints[salt, scope] = known
        return known

    def redact(self, text: str) -> str:
        """Return ``text`` with every occurrence of the key replaced by "[key]".

        Servers also echo keys in another case, percent-encoded, or without their "sk-".
        """
        # No regular expression: Python caches compiled ones, and the key with them.
        key = self._reveal().lower()
        tail = key.removeprefix(KEY_PREFIX)
        looked_for = tail if len(tail) >= MIN_TAIL else key
        units = _UNITS.findall(text)
        plain = "".join(map(_plain, units))
        end = 0
        shown = []
        while (start := plain.find(looked_for, end)) >= 0:
            before = "".join(units[end:start])
            if looked_for is tail and plain.endswith(KEY_PREFIX, end, start):
                before = "".join(units[end : start - len(KEY_PREFIX)])
            shown += [before, "[key]"]
            end = start + len(looked_for)
        return "".join([*shown, *units[end:]])

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")


class Login:
    """The key the user entered in this process, which takes precedence over the environment's.

    Attributes:
        key: The key; None if none was entered.
    """

    def __init__(self) -> None:
        """Start without a key."""
        self.key: Secret | None = None

    def enter(self, key: Secret) -> None:
        """Use ``key`` in this process from now on."""
        self.key = key

    def forget(self) -> None:
        """Forget the key that was entered."""
        self.key = None


login = Login()
"""This process's login."""


def find_key(base_url: str) -> tuple[Secret, str] | None:
    """Return the first key found and the name of its source.

    Args:
        base_url: The base URL the key is for; the keyring holds one key for each.

    Returns:
        The key and "%evolink_login", "EVOLINK_API_KEY", "Colab's secrets" or "keyring"; None if no source has
        a key.

    Raises:
        ConfigurationError: The key in the environment can't be sent.
    """
    for source, find in _SOURCES:
        key = find(base_url)
        if key is not None:
            return key, source
    return None


def key_in_variable(name: str) -> Secret:
    """Return the key in the environment variable ``name``.

    Raises:
        ConfigurationError: The variable is not set, or its value can't be sent.
    """
    if _LIKE_A_KEY.search(name):
        # Not quoted back: it may be the key itself.
        raise ConfigurationError(
            "That is not the name of an environment variable.",
            hint=f"Name the variable that holds the key: --key-env {API_KEY_VARIABLE}.",
        )
    if not read_variable(name):
        raise ConfigurationError(
            f"The environment variable {name} is not set.", hint=f"Set it, or leave out --key-env {name}."
        )
    return Secret(read_variable(name))


def save_key(key: Secret, base_url: str) -> None:
    """Save a key in the system keyring.

    Args:
        key: The key.
        base_url: The base URL it is for.

    Raises:
        ConfigurationError: There is no keyring, or it refused the key.
    """
    problem = "the keyring package is not installed (pip install keyring)"
    if importlib.util.find_spec("keyring") is not None:
        try:
            importlib.import_module("keyring").set_password(KEYRING_SERVICE, base_url, key.reveal())
            return
        except Exception as error:  # noqa: BLE001 - a backend may raise anything
            problem = f"{type(error).__name__} from the system keyring"
    # Raised outside the except block, so that no backend's exception that saw the key is attached to ours.
    raise ConfigurationError(
        f"The key was not saved: {problem}.",
        hint="This kernel will still use it.",
        shell_hint=f"Set {API_KEY_VARIABLE} instead.",
    )


def require_keyring() -> None:
    """Check that there is a system keyring to keep a key in, before the user types one.

    Raises:
        ConfigurationError: There is none.
    """
    problem = "The keyring package is not installed, so the key can't be kept."
    remedy = "or install it: pip install 'evolink-nb[keyring]'"
    if importlib.util.find_spec("keyring") is not None:
        with contextlib.suppress(Exception):  # a backend may raise anything
            # The backends that stand for no keyring, and refuse or drop keys, have no priority.
            if importlib.import_module("keyring").get_keyring().priority > 0:
                return
        problem = "There is no system keyring here to keep a key in."
        remedy = "or start one (on Linux: GNOME Keyring or KWallet)"
    raise ConfigurationError(problem, hint=f"Set {API_KEY_VARIABLE} instead, {remedy}.")


def forget_saved_key(base_url: str) -> None:
    """Remove the key for a base URL from the system keyring, if it is there.

    Args:
        base_url: The base URL.

    Raises:
        ConfigurationError: There is no keyring, or it still has the key.
    """
    require_keyring()
    with contextlib.suppress(Exception):  # it also raises if there is no such key
        importlib.import_module("keyring").delete_password(KEYRING_SERVICE, base_url)
    if _from_keyring(base_url) is not None:
        raise ConfigurationError("The system keyring still has the key.", hint="Unlock it, and try again.")


def read_variable(name: str) -> str:
    """Return an environment variable without surrounding white space, "" if it is not set."""
    return os.environ.get(name, "").strip()


def _plain(unit: str) -> str:
    """Return the character that a unit of a text stands for, in lower case."""
    character = chr(int(unit[1:], 16)) if len(unit) == 3 else unit
    return character.lower() if character.isascii() else character


def _from_login(_base_url: str) -> Secret | None:
    return login.key


def _from_environment(_base_url: str) -> Secret | None:
    return Secret(read_variable(API_KEY_VARIABLE)) if read_variable(API_KEY_VARIABLE) else None


def _from_colab(_base_url: str) -> Secret | None:
    if "google.colab" not in sys.modules:
        return None
    return _ask(lambda: importlib.import_module("google.colab.userdata").get(API_KEY_VARIABLE))


def _from_keyring(base_url: str) -> Secret | None:
    if importlib.util.find_spec("keyring") is None:
        return None
    return _ask(lambda: importlib.import_module("keyring").get_password(KEYRING_SERVICE, base_url))


def _ask(source: Callable[[], Any]) -> Secret | None:
    """Return the key that a source has; a source that fails has none."""
    try:
        return Secret(source())
    except Exception:  # noqa: BLE001 - locked, refused, absent or empty: try the next source
        return None


_SOURCES: tuple[tuple[str, Callable[[str], Secret | None]], ...] = (
    ("%evolink_login", _from_login),
    (API_KEY_VARIABLE, _from_environment),
    ("Colab's secrets", _from_colab),
    ("keyring", _from_keyring),
)
