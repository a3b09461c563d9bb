"""The settings of a connection: the base URL, the key for it, and the defaults.

The key is the argument, else the first one that `evolink_nb.api.credentials` finds. The base URL is the
argument, else ``EVOLINK_BASE_URL``. With ``EVOLINK_NB_DEMO=1`` and neither argument, both are the simulated
account's.
"""

from __future__ import annotations

import ipaddress
import re
import sys
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from ..errors import ConfigurationError
from .credentials import API_KEY_VARIABLE, Secret, find_key, key_in_variable, read_variable

if TYPE_CHECKING:
    from ..demo.api import Api

HAS_SOCKETS = sys.platform != "emscripten"
"""Whether this platform can serve the simulated account on loopback."""
IN_PROCESS_URL = "http://127.0.0.1:1"
"""The base URL of the simulated account within this process. No server has this port."""

BASE_URL_VARIABLE = "EVOLINK_BASE_URL"
"""The API's base URL, ``https://api.evolink.ai`` by default: https, or http on this machine."""
DEMO_VARIABLE = "EVOLINK_NB_DEMO"
"""1 for a simulated account wherever no key is given as an argument."""
DEFAULT_BASE_URL = "https://api.evolink.ai"

INTERVAL = 15.0
"""Default seconds between two readings: the API's rate limit is not documented."""
TIMEOUT = 10.0
"""Default seconds that one attempt at a reading may take in all."""

_HOST_AND_PORT = re.compile(r"(\[[0-9a-f:.]+\]|[\w-]+(\.[\w-]+)*\.?)(:\d+)?", re.ASCII | re.IGNORECASE)


class Connection(NamedTuple):
    """A base URL, the key for it, and the key's source ("argument", "keyring", …)."""

    base_url: str
    key: Secret
    source: str


def connection(
    api_key: str | Secret | None = None,
    *,
    base_url: str | None = None,
    key_variable: str | None = None,
    demo: bool | None = None,
) -> Connection:
    """Return the base URL and the key for reading the balance.

    Args:
        api_key: The key; by default it is looked for.
        base_url: The base URL; by default ``EVOLINK_BASE_URL``, else `DEFAULT_BASE_URL`.
        key_variable: The environment variable to take the key from, instead of looking elsewhere.
        demo: Whether to use the simulated account; None leaves that to ``EVOLINK_NB_DEMO``.

    Raises:
        ConfigurationError: There is no key, or the key or the base URL can't be used.
    """
    try:
        given = Secret(api_key) if isinstance(api_key, str) else api_key
    finally:
        del api_key  # tracebacks can print a frame's variables
    if demo is None:
        demo = demo_is_default() and given is None and base_url is None and key_variable is None
    if demo:
        return _demo_connection()
    url = check_base_url(base_url or default_base_url())
    if given is not None:
        return Connection(url, given, "argument")
    if key_variable is not None:
        return Connection(url, key_in_variable(key_variable), key_variable)
    found = find_key(url)
    if found is not None:
        return Connection(url, *found)
    raise ConfigurationError(
        "No EvoLink API key was found.",
        hint=f"Set {API_KEY_VARIABLE}, or type %evolink_login, or try %evolink_credits --demo.",
        shell_hint=f"Set {API_KEY_VARIABLE}, save a key with evolink-nb login, or try --demo.",
    )


def default_base_url() -> str:
    """Return the default base URL, as the user entered it."""
    return read_variable(BASE_URL_VARIABLE) or DEFAULT_BASE_URL


def demo_is_default() -> bool:
    """Return whether ``EVOLINK_NB_DEMO`` makes the simulated account the default."""
    return read_variable(DEMO_VARIABLE).lower() in {"1", "true", "yes", "on"}


def is_loopback(host: str | None) -> bool:
    """Return whether ``host`` is this machine: localhost, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def check_base_url(url: str) -> str:
    """Return a base URL without a trailing slash or ``/v1``.

    Args:
        url: The URL as the user entered it.

    Raises:
        ConfigurationError: It is neither https nor http on loopback, or contains credentials or a query.
    """
    hints = {
        "hint": f"Set {BASE_URL_VARIABLE} or base_url= to something like {DEFAULT_BASE_URL}.",
        "shell_hint": f"Set {BASE_URL_VARIABLE} to something like {DEFAULT_BASE_URL}.",
    }
    try:
        parts = urlsplit(url.strip())
        _ = parts.port  # reading the port validates it
    except ValueError:
        parts = urlsplit("")
    if parts.username is not None or parts.password is not None:
        # Not quoted back: the part before the @ may be a key.
        raise ConfigurationError("The base URL must not contain a user name or a password.", **hints)
    # What passes here can't be interpreted differently by another parser later.
    plain = _HOST_AND_PORT.fullmatch(parts.netloc) and re.fullmatch(r"[!-~]*", parts.path)
    if parts.scheme not in {"http", "https"} or not plain or parts.query or parts.fragment:
        raise ConfigurationError("The base URL can't be used.", **hints)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigurationError(f"A key is not sent over plain http to {parts.hostname}.", **hints)
    path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def in_process_api(base_url: str) -> Api | None:
    """Return the simulated API that answers at a base URL within this process; None if it is elsewhere.

    Args:
        base_url: A checked base URL.
    """
    if base_url != IN_PROCESS_URL:
        return None
    from .. import demo  # noqa: PLC0415 - only this case needs the simulation

    return demo.process_api()


def _demo_connection() -> Connection:
    from .. import demo  # noqa: PLC0415 - only this case needs the simulation

    url, key = read_variable(BASE_URL_VARIABLE), read_variable(API_KEY_VARIABLE)
    if key.startswith(demo.DEMO_KEY_PREFIX) and is_loopback(urlsplit(url).hostname):
        # `evolink-nb demo` already runs a server that all its kernels share.
        return Connection(check_base_url(url), Secret(key), "demo")
    if not HAS_SOCKETS:
        return Connection(IN_PROCESS_URL, Secret(demo.process_api().key), "demo")
    server = demo.running()
    return Connection(server.url, Secret(server.key), "demo")
