"""Selects the account that a magic reads: the one its options name, or the default, which may change."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable
from typing import TYPE_CHECKING

from IPython.core.error import StdinNotImplementedError

from ..api import settings
from ..api.credentials import API_KEY_VARIABLE, Secret
from ..errors import ConfigurationError
from ..history.sharing.sharing import share_readings
from ..metering.account import fetcher_of

if TYPE_CHECKING:
    from ..polling.fetcher import CreditsFetcher

DEFAULT_ACCOUNT = argparse.Namespace(demo=False, key_env=None)
"""The options of a magic that name no account."""


class Accounts:
    """The accounts that one shell's magics read, and the one they read by default.

    The default account belongs to the key that `evolink_nb.api.settings` finds. A login or a change of the
    environment may change it.
    """

    def __init__(self, on_change: Callable[[CreditsFetcher | None, CreditsFetcher | None], object]) -> None:
        """Start without a default account.

        Args:
            on_change: Called with the old and the new default when it changes; None where there is no key.
        """
        share_readings()
        self._on_change = on_change
        self._default: CreditsFetcher | None = None

    def fetcher_for(self, options: argparse.Namespace) -> CreditsFetcher:
        """Return the fetcher for the account that a magic's options select.

        Args:
            options: The options of the magic, including ``demo`` and ``key_env``.

        Returns:
            This process's fetcher for the account.

        Raises:
            ConfigurationError: There is no key.
        """
        found = settings.connection(demo=options.demo or None, key_variable=options.key_env)
        fetcher = fetcher_of(found)
        if not names_account(options):
            self.use(fetcher)
        return fetcher

    def fetcher_with(self, key: Secret) -> CreditsFetcher:
        """Return the fetcher for a key.

        Args:
            key: The key.

        Returns:
            This process's fetcher for it.

        Raises:
            ConfigurationError: The base URL can't be used.
        """
        return fetcher_of(settings.connection(key, demo=False))

    def use(self, fetcher: CreditsFetcher | None) -> None:
        """Make an account the default.

        Args:
            fetcher: The account's fetcher; None if there is no key any more.
        """
        before, self._default = self._default, fetcher
        if before is not fetcher:
            self._on_change(before, fetcher)

    def find_default(self) -> None:
        """Look for the default account again."""
        try:
            self.use(fetcher_of(settings.connection()))
        except ConfigurationError:
            self.use(None)

    def stop(self) -> None:
        """Forget the default account."""
        self._default = None


def names_account(options: argparse.Namespace) -> bool:
    """Return whether a magic's options name an account; it is then kept when the default changes.

    Args:
        options: The options of the magic.
    """
    return bool(options.demo or options.key_env)


def ask_for_key() -> Secret:
    """Prompt for a key without echoing it.

    Raises:
        ConfigurationError: The front end can't prompt.
    """
    try:
        # Keep the key out of this frame's variables: tracebacks can print those.
        return Secret(getpass.getpass("EvoLink API key: "))
    except (StdinNotImplementedError, EOFError):
        pass
    raise ConfigurationError(
        "This front end can't prompt for a key.", hint=f"Set {API_KEY_VARIABLE} instead."
    )
