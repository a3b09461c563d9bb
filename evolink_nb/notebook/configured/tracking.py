"""The tracking turned on by the configuration: ``c.EvoLinkMagics.track = True``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...errors import ConfigurationError

if TYPE_CHECKING:
    from ...polling.fetcher import CreditsFetcher
    from ..cells import Cells


class ConfiguredTracking:
    """Turns tracking on before the first cell that runs with a key, and only once: users may turn it off."""

    def __init__(self, cells: Cells, default: Callable[[], CreditsFetcher]) -> None:
        """Start with tracking off.

        Args:
            cells: The cells to track.
            default: Returns the fetcher of the default account, or raises a `ConfigurationError`.
        """
        self._cells = cells
        self._default = default
        self._is_done = self._is_ours = False
        self._said = ""

    def ensure(self) -> None:
        """Turn it on, or print once why it isn't on yet."""
        if self._is_done:
            return
        try:
            fetcher = self._default()
        except ConfigurationError as error:
            text = f"Cells are not tracked yet, as configured: {error}"
            if text != self._said:
                self._said = text
                print(text, file=sys.stderr)
            return
        self._is_done = self._is_ours = True
        self._said = ""
        self._cells.track(fetcher, follows=True)

    def leave(self) -> None:
        """Leave tracking as the user has set it."""
        self._is_done, self._is_ours = True, False

    def forget(self) -> None:
        """Start over because the setting has changed; tracking that it turned on is turned off."""
        if self._is_ours:
            self._cells.track(None)
        self._is_done = self._is_ours = False

    def follow(self, now: CreditsFetcher | None) -> None:
        """Let the next key turn tracking on again, if there is no key any more.

        Args:
            now: The fetcher of the default account; None if there is no key any more.
        """
        if now is None and self._is_ours:
            self._is_done = False
