"""What a budget says in the output of the work, while that prints too."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING

from evolink_nb.metering.account import shared_fetcher
from evolink_nb.metering.budgets.notices import Notices
from evolink_nb.metering.budgets.watch_actions import Warn

if TYPE_CHECKING:
    import pytest

    from evolink_nb import EvoLinkClient


class Pieces:
    """A stream that keeps what each write wrote."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, text: str) -> int:
        self.written.append(text)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


def test_a_message_is_written_in_one_piece(client: EvoLinkClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other threads and processes write to the same place: nothing of theirs gets between it and its end."""
    notices = Notices(
        shared_fetcher(client), "The budget", max_credits=Decimal(5), max_blind=30, keeps_warning=False
    )
    stream = Pieces()
    monkeypatch.setattr(sys, "stderr", stream)
    notices.show(Warn(), Decimal(4))
    assert stream.written == ["The budget: 4 credits spent, 1 left.\n"]


def test_a_closed_stream_is_no_problem(client: EvoLinkClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some programs have none, as those without a console on Windows; the card shows it all the same."""
    fetcher = shared_fetcher(client)
    notices = Notices(fetcher, "The budget", max_credits=Decimal(5), max_blind=30, keeps_warning=False)
    monkeypatch.setattr(sys, "stderr", None)
    notices.show(Warn(), Decimal(4))
    assert fetcher.notice == "The budget: 4 credits spent, 1 left."
