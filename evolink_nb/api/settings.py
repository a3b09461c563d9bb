"""Where the key, the base URL and the cadence come from, and in which order.

The key: the argument, else what was entered with ``%evolink_login``, else ``EVOLINK_API_KEY``,
else Colab's secrets, else the system keyring. The base URL: the argument, else ``EVOLINK_BASE_URL``.
With ``EVOLINK_NB_DEMO=1`` and neither argument, both are the simulated account's.
"""

from __future__ import annotations

import importlib
import importlib.util
import ipaddress
import os
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn
from urllib.parse import urlsplit

from ..errors import ConfigurationError

API_KEY_VARIABLE = "EVOLINK_API_KEY"
BASE_URL_VARIABLE = "EVOLINK_BASE_URL"
DEMO_VARIABLE = "EVOLINK_NB_DEMO"
DEFAULT_BASE_URL = "https://api.evolink.ai"

INTERVAL = 15.0
"""Seconds between two readings, unless told otherwise: the API's rate limit is not documented."""
TIMEOUT = 10.0
"""The most seconds one attempt at a reading takes in all."""

KEYRING_SERVICE = "evolink_nb"

_HOST_AND_PORT = re.compile(r"(\[[0-9a-f:.]+\]|[\w-]+(\.[\w-]+)*\.?)(:\d+)?", re.ASCII | re.IGNORECASE)


class Secret:
    """A key that is never printed: its repr, str and pickle don't hold it."""

    __slots__ = ("_reveal",)

    def __init__(self, value: str) -> None:
        """Take the key, white space at its ends dropped.

        Raises `ConfigurationError` when it can't be sent in a header.
        """
        value = value.strip()
        usable = bool(value) and value.isascii() and value.isprintable() and " " not in value
        # A closure and no attribute, so that walking an object's attributes never meets the key.
        self._reveal: Callable[[], str] = lambda: value
        if not usable:
            # Nothing of the key may stay in this frame: tracebacks can print its variables.
            value = ""
            raise ConfigurationError(
                "The API key is empty or holds characters that can't be sent.",
                hint="Copy it again from EvoLink's console, without quotes or line breaks.",
            )

    def reveal(self) -> str:
        """Give the key itself, for the request header and the keyring."""
        return self._reveal()

    def redact(self, text: str) -> str:
        """Give ``text`` with the key, should it be in there, replaced by "[key]"."""
        return text.replace(self._reveal(), "[key]")

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")


class Connection(NamedTuple):
    """A base URL, the key for it, and where the key came from ("argument", "keyring", …)."""

    base_url: str
    key: Secret
    source: str


_entered: Secret | None = None


def enter_key(key: Secret | None) -> None:
    """Make ``key`` this process's key, before the environment's; None forgets the one entered."""
    global _entered  # noqa: PLW0603 - one process has one person at its keyboard
    _entered = key


def connection(
    api_key: str | Secret | None = None,
    *,
    base_url: str | None = None,
    key_variable: str | None = None,
    demo: bool | None = None,
) -> Connection:
    """Find the base URL and the key.

    ``key_variable`` names another environment variable to take the key from; ``demo`` True asks for the
    simulated account, None leaves that to ``EVOLINK_NB_DEMO``. Raises `ConfigurationError` when there is
    no key or the base URL can't be used.
    """
    try:
        given = Secret(api_key) if isinstance(api_key, str) else api_key
    finally:
        del api_key  # tracebacks can print a frame's variables
    if demo is None:
        demo = demo_is_default() and given is None and base_url is None and key_variable is None
    if demo:
        return _demo_connection()
    url = check_base_url(base_url or _variable(BASE_URL_VARIABLE) or DEFAULT_BASE_URL)
    if given is not None:
        return Connection(url, given, "argument")
    if key_variable is not None:
        return Connection(url, _key_in_variable(key_variable), key_variable)
    if _entered is not None:
        return Connection(url, _entered, "%evolink_login")
    for source, find in _SOURCES:
        key = find(url)
        if key is not None:
            return Connection(url, key, source)
    raise ConfigurationError(
        "No EvoLink API key was found.",
        hint=f"Set {API_KEY_VARIABLE}, or type %evolink_login, or look around with %evolink_credits --demo.",
    )


def demo_is_default() -> bool:
    """Tell whether ``EVOLINK_NB_DEMO`` makes the simulated account this process's own."""
    return _variable(DEMO_VARIABLE).lower() in {"1", "true", "yes", "on"}


def is_loopback(host: str | None) -> bool:
    """Tell whether ``host`` is this machine: localhost, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def check_base_url(url: str) -> str:
    """Give ``url`` without a trailing slash or ``/v1``.

    Raises `ConfigurationError` unless it is https, or http on loopback, with no credentials or query.
    """
    hint = f"Set {BASE_URL_VARIABLE} or base_url= to something like {DEFAULT_BASE_URL}."
    try:
        parts = urlsplit(url.strip())
        _ = parts.port  # reading it is what checks it
    except ValueError:
        parts = urlsplit("")
    if parts.username is not None or parts.password is not None:
        # Not quoted back: what stands before the @ may be a key.
        raise ConfigurationError("The base URL must not hold a user name or a password.", hint=hint)
    # What is refused here can't be understood differently further down, by another parser.
    plain = _HOST_AND_PORT.fullmatch(parts.netloc) and re.fullmatch(r"[!-~]*", parts.path)
    if parts.scheme not in {"http", "https"} or not plain or parts.query or parts.fragment:
        raise ConfigurationError("The base URL can't be used.", hint=hint)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigurationError(f"A key is not sent over plain http to {parts.hostname}.", hint=hint)
    path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def save_key(key: Secret, base_url: str) -> None:
    """Keep ``key`` in the system keyring for ``base_url``.

    Raises `ConfigurationError` when there is no keyring to keep it in.
    """
    problem = "the keyring package is not installed (pip install keyring)"
    if importlib.util.find_spec("keyring") is not None:
        try:
            importlib.import_module("keyring").set_password(KEYRING_SERVICE, base_url, key.reveal())
            return
        except Exception as error:  # noqa: BLE001 - a backend may raise anything
            problem = f"{type(error).__name__} from the system keyring"
    # Raised out here, so that no exception of a backend that saw the key hangs on ours.
    raise ConfigurationError(
        f"The key was not saved: {problem}.", hint="It is in use for this kernel all the same."
    )


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()


def _key_in_variable(name: str) -> Secret:
    if not _variable(name):
        raise ConfigurationError(
            f"The environment variable {name} is not set.", hint=f"Set it, or leave out --key-env {name}."
        )
    return Secret(_variable(name))


def _from_environment(_base_url: str) -> Secret | None:
    return Secret(_variable(API_KEY_VARIABLE)) if _variable(API_KEY_VARIABLE) else None


def _from_colab(_base_url: str) -> Secret | None:
    if "google.colab" not in sys.modules:
        return None
    return _asked(lambda: importlib.import_module("google.colab.userdata").get(API_KEY_VARIABLE))


def _from_keyring(base_url: str) -> Secret | None:
    if importlib.util.find_spec("keyring") is None:
        return None
    return _asked(lambda: importlib.import_module("keyring").get_password(KEYRING_SERVICE, base_url))


def _asked(ask: Callable[[], Any]) -> Secret | None:
    """Give the key that a place outside our hands holds; a place that fails holds none."""
    try:
        return Secret(ask())
    except Exception:  # noqa: BLE001 - locked, refused, absent or empty: the next place is asked
        return None


_SOURCES: tuple[tuple[str, Callable[[str], Secret | None]], ...] = (
    (API_KEY_VARIABLE, _from_environment),
    ("Colab's secrets", _from_colab),
    ("keyring", _from_keyring),
)


def _demo_connection() -> Connection:
    from .. import demo  # noqa: PLC0415 - a server is needed only here

    url, key = _variable(BASE_URL_VARIABLE), _variable(API_KEY_VARIABLE)
    if key.startswith(demo.DEMO_KEY_PREFIX) and is_loopback(urlsplit(url).hostname):
        # `evolink-nb demo` already runs one, shared by all its kernels.
        return Connection(check_base_url(url), Secret(key), "demo")
    server = demo.running()
    return Connection(server.url, Secret(server.key), "demo")
