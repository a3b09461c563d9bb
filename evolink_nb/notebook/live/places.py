"""The places of live cards; a place is gone once its cell has been run again or deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..client import request_of

if TYPE_CHECKING:
    import argparse

    from ...card.widget import CreditsWidget
    from ..outputs import LiveOutput


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one cell, as far as the front end identifies it.

    Attributes:
        cell: The front end's id for the cell; None from front ends that send none.
        request: Identifies the run.
        deleted: The cells deleted since the last run.
    """

    cell: str | None = None
    request: str | None = None
    deleted: frozenset[str] = frozenset()

    @classmethod
    def current(cls, shell: Any) -> Run:
        """Return the run that a shell is handling.

        Args:
            shell: The kernel's shell.
        """
        request = request_of(shell)
        metadata = request.get("metadata", {})
        deleted = frozenset(metadata.get("deletedCells") or ())
        return cls(metadata.get("cellId"), request.get("header", {}).get("msg_id"), deleted)


@dataclass(frozen=True, slots=True)
class Shown:
    """A live card that was shown, with its place.

    Attributes:
        widget: The card.
        output: The static card that a saved notebook keeps.
        run: The run that showed it.
        owned: Whether the magic made it, so that no variable can hold it.
        options: The options that the magic was given; None if it didn't make it.
    """

    widget: CreditsWidget
    output: LiveOutput
    run: Run
    owned: bool
    options: argparse.Namespace | None = None

    def is_gone(self, run: Run) -> bool:
        """Return whether the card is closed, or its cell was run again or deleted.

        Args:
            run: The current run.
        """
        cell = self.run.cell
        is_run_again = cell == run.cell and self.run.request != run.request
        return self.widget.comm is None or (cell is not None and (is_run_again or cell in run.deleted))

    def is_replaced(self, newest: Shown | None) -> bool:
        """Return whether to assume that a newer card is from the same cell, for cells without ids.

        Args:
            newest: The newest card of the same account that a magic made in a cell without an id, if any.
        """
        if newest is None or self.run.cell is not None or not self.owned:
            return False
        return self.run.request != newest.run.request and not self.widget.has_views

    def end(self) -> None:
        """Stop updating the output, and close the card unless a variable may hold it."""
        self.output.stop()
        self.widget.forget_switched(self.output.switch)
        if self.owned:
            self.widget.close()


def without_gone(cards: list[Shown], run: Run) -> list[Shown]:
    """End the cards whose place is gone or taken by a newer card.

    Args:
        cards: The cards, in the order in which they were shown.
        run: The current run.

    Returns:
        The others.
    """
    newest = {each.widget.fetcher: each for each in cards if each.owned and each.run.cell is None}
    gone = [each for each in cards if each.is_gone(run) or each.is_replaced(newest.get(each.widget.fetcher))]
    for each in gone:
        each.end()
    return [each for each in cards if each not in gone]
