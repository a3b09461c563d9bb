"""A live card without a key: it asks for one, or shows the simulated account instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..api import credentials, settings
from ..api.client import EvoLinkClient
from ..api.credentials import Secret
from ..errors import ConfigurationError
from ..polling.fetcher import CreditsFetcher
from ..polling.status import Status

if TYPE_CHECKING:
    from ..api.settings import Connection
    from ..credits import Credits

Switched = Callable[[CreditsFetcher], None]
"""Called with the fetcher of the account that a card has switched to."""
REFUSED = frozenset({Status.UNAUTHORIZED, Status.ERROR})
"""Statuses in which a card that has shown no reading asks for another key."""


class KeylessClient:
    """Stands in for a client while there is no key.

    Attributes:
        identity: ""; no client with a key has this identity.
    """

    identity = ""

    def __repr__(self) -> str:
        return "KeylessClient()"

    def get_credits(self) -> Credits:
        """Raise an error that says where a key is looked for."""
        settings.connection(demo=False)
        raise ConfigurationError("A key was set meanwhile.", hint="Run this card's cell again to use it.")

    def close(self) -> None:
        """Do nothing: there is no connection."""


def keyless_fetcher() -> CreditsFetcher:
    """Return a fetcher for a card that asks for a key."""
    return CreditsFetcher(KeylessClient())


class AskingForKey:
    """A mixin for a widget that asks for a key; it must come before the widget's own base class.

    A key is in use once EvoLink has accepted it; until then it is only held here.
    """

    fetcher: CreditsFetcher
    message: Any

    _asks = False
    _entered: Secret | None = None
    _on_login: Switched | None = None
    _on_switch: Switched | None = None

    def when_switched(self, on_switch: Switched, on_login: Switched) -> None:
        """Set the functions to call when the user chooses another account on the card itself.

        Args:
            on_switch: Called at once, for any account.
            on_login: Called once a key that was entered is in use in this process.
        """
        self._on_switch, self._on_login = on_switch, on_login

    def forget_switched(self, on_switch: Switched) -> None:
        """Stop calling the functions if ``on_switch`` is still set: its owner has ended.

        Args:
            on_switch: The function that `when_switched` was given.
        """
        if self._on_switch == on_switch:
            self._on_switch = self._on_login = None

    def _log_in(self, buffers: Sequence[Any]) -> None:
        """Try a key sent in a message's buffers: the message's content might be logged."""
        try:
            key = Secret(bytes(buffers[0]).decode(errors="replace"))
            found = settings.connection(key, demo=False)
        except ConfigurationError as error:
            self.message = str(error)
            return
        finally:
            del buffers  # tracebacks can print a frame's variables
        self._entered = key
        self._choose(found)

    def _show_demo(self) -> None:
        """Show the simulated account, whatever the default account is."""
        self._asks = self.is_default = False
        self._choose(settings.connection(demo=True))

    def _choose(self, found: Connection) -> None:
        client = EvoLinkClient(found.key, base_url=found.base_url)
        fetcher = CreditsFetcher.shared(client)
        self.switch(fetcher, wait=False)  # type: ignore[attr-defined] # the widget's own
        if self._on_switch is not None:
            self._on_switch(fetcher)

    def _needs_key(self) -> bool:
        """Return whether to ask for a key; start using a key that was entered once it is accepted."""
        fetcher = self.fetcher
        if fetcher.credits is None:
            return self._asks and fetcher.status in REFUSED
        entered, self._entered = self._entered, None
        if entered is not None:
            self._asks = False
            credentials.login.enter(entered)
            if self._on_login is not None:
                self._on_login(fetcher)
        return False


def is_keyless(fetcher: CreditsFetcher | None) -> bool:
    """Return whether a fetcher has no key to read with."""
    return fetcher is not None and isinstance(fetcher.client, KeylessClient)


def lacks_key() -> bool:
    """Return whether no key is found for the default account.

    Raises:
        ConfigurationError: A key is found but can't be used, or the base URL can't be used.
    """
    url = settings.check_base_url(
        credentials.read_variable(settings.BASE_URL_VARIABLE) or settings.DEFAULT_BASE_URL
    )
    return not settings.demo_is_default() and credentials.find_key(url) is None
