"""Keeps track of the open live cards, to tell their pages when the kernel ends."""

from __future__ import annotations

import atexit
import contextlib
import weakref
from typing import Any, Protocol

from ..runtime import forget_after_fork


class Card(Protocol):
    """The part of `CreditsWidget` that is needed here."""

    def send(self, content: Any) -> None:
        """Send a message to the views."""


class OpenCards:
    """The open cards of this process, held weakly. A forked child has none of its parent's."""

    def __init__(self) -> None:
        """Start with none."""
        self._cards: weakref.WeakSet[Card] = weakref.WeakSet()
        forget_after_fork(self)

    def add(self, card: Card) -> None:
        """Add a card that was opened.

        Args:
            card: The card.
        """
        self._cards.add(card)

    def discard(self, card: Card) -> None:
        """Remove a card that was closed.

        Args:
            card: The card.
        """
        self._cards.discard(card)

    def report_end(self) -> None:
        """Notify the views of all cards that nothing will keep them fresh any more."""
        for card in list(self._cards):
            with contextlib.suppress(Exception):  # the connection may have ended first
                card.send({"answer": "gone"})

    def after_fork(self) -> None:
        """Forget the parent's cards."""
        self._cards = weakref.WeakSet()


open_cards = OpenCards()
atexit.register(open_cards.report_end)
