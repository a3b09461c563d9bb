"""When the credits run out, where users look: on the card, in a terminal, and in the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from evolink_nb import CreditsFetcher, EvoLinkClient
from evolink_nb.cli import OK, main
from evolink_nb.history.current import current
from evolink_nb.history.of_key import outlook
from evolink_nb.notebook.kept import forecasts
from tests.support.past import spent_evenly
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.shell import Shell

PER_HOUR = 5
"""Of the account's 1095.3996 credits: they last 9 days."""


@pytest.fixture
def past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the account's last weeks are kept, in which it spent evenly."""
    place = tmp_path / "history.db"
    with EvoLinkClient() as client:
        spent_evenly(place, client, PER_HOUR)
    monkeypatch.setenv("EVOLINK_NB_HISTORY", str(place))
    monkeypatch.setattr(forecasts, "FIRST_AFTER", 0.0)
    yield place
    current.stop(timeout=10.0)


def test_a_card_says_when_credits_run_out(shell: Shell, past: Path) -> None:
    assert past.exists()
    shell.run("%evolink_credits")
    fetcher = CreditsFetcher.shared(EvoLinkClient())
    wait_until(lambda: fetcher.forecast)
    assert fetcher.forecast.startswith("runs out on ")
    shown = shell.run("%evolink_credits")
    assert fetcher.forecast in shown.out
    fetcher.set_message(outlook="enough for 14 more runs")
    assert f"enough for 14 more runs · {fetcher.forecast}" in shell.run("%evolink_credits").out


def test_without_a_past_a_card_says_nothing(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And begins no history by asking."""
    place = tmp_path / "history.db"
    monkeypatch.setenv("EVOLINK_NB_HISTORY", str(place))
    with EvoLinkClient() as client:
        assert outlook(client, client.get_credits()) == ""
    assert not place.exists()
    assert "runs out" not in shell.run("%evolink_credits").out


@pytest.mark.usefixtures("simulated_account")
def test_a_shell_says_when_credits_run_out(past: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert past.exists()
    assert main(["credits"]) == OK
    assert "runs out on " in capsys.readouterr().out
    assert main(["credits", "--json"]) == OK
    assert "runs out" not in capsys.readouterr().out


@pytest.mark.usefixtures("simulated_account")
def test_a_damaged_history_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The balance is what was asked for."""
    place = tmp_path / "history.db"
    place.write_bytes(b"no database" * 1000)
    monkeypatch.setenv("EVOLINK_NB_HISTORY", str(place))
    assert main(["credits"]) == OK
    shown = capsys.readouterr()
    assert "1,095.3996 credits left" in shown.out
    assert shown.err == ""
    current.stop(timeout=10.0)
