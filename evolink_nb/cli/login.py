"""``evolink-nb login``: saves a key in the system keyring."""

from __future__ import annotations

import getpass
import sys

from ..api import credentials, settings
from ..api.client import EvoLinkClient
from ..api.credentials import API_KEY_VARIABLE, Secret
from ..errors import ConfigurationError
from ..formatting import in_credits
from . import output
from .exit_codes import OK


def log_in(*, forget: bool) -> int:
    """Ask for a key, try it and save it in the system keyring; or remove the saved key.

    Args:
        forget: Whether to remove the saved key.

    Returns:
        The exit code, `OK`.

    Raises:
        ConfigurationError: There is no keyring, or no key was entered.
        EvoLinkError: The balance can't be read with the key; nothing is saved.
        OutputError: The result can't be printed.
    """
    base_url = settings.check_base_url(settings.default_base_url())
    if forget:
        credentials.forget_saved_key(base_url)
        output.say(f"The system keyring has no key for {base_url} any more.")
        return OK
    credentials.require_keyring()
    key = _ask_for_key()
    with EvoLinkClient(key, base_url=base_url) as client:
        credits = client.get_credits()
    credentials.save_key(key, base_url)
    output.say(f"Kept in the system keyring. {in_credits(credits.spendable)} left to spend.")
    if credentials.read_variable(API_KEY_VARIABLE):
        output.complain(f"{API_KEY_VARIABLE} is set, and used before the keyring.")
    return OK


def _ask_for_key() -> Secret:
    """Return the key typed without echo, or piped in."""
    if sys.stdin is None:
        raise ConfigurationError("There is no input to read a key from.")
    if not sys.stdin.isatty():
        return Secret(sys.stdin.readline())
    try:
        # Not kept in a variable: tracebacks can print those.
        return Secret(getpass.getpass("EvoLink API key: "))
    except EOFError:
        raise ConfigurationError("No key was entered.") from None
