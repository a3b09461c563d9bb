"""A card while its history can't be kept: it goes on, says so once, and what was missing is written later."""

from __future__ import annotations

import time
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from evolink_nb import CreditsWidget
from evolink_nb.errors import HistoryError
from evolink_nb.history.current import current
from evolink_nb.history.queries import readings as queries
from evolink_nb.history.storage.location import Kind, Location
from evolink_nb.history.storage.writer import Writer
from evolink_nb.history.tables.rows import point_of
from evolink_nb.history.tables.schema import READINGS
from tests.support.broken_places import (
    FullDisk,
    FullQuota,
    LockedFile,
    ReadOnlyDisk,
    ReadOnlyFolder,
    StoppedServer,
    small_disk,
)
from tests.support.histories import reading, source
from tests.support.metered import GENERATE, LINE
from tests.support.shell import open_shell, the_fetcher
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evolink_nb.demo import DemoServer
    from evolink_nb.history.storage.store import Store
    from tests.support.broken_places import BrokenPlace

FAR = 2**42
MANY = 40
"""Credits that are spent one by one while nothing can be written, each seen by the card."""


@pytest.fixture(params=["full", "quota", "read-only", "locked", "stopped"])
def broken(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BrokenPlace]:
    """A place that fails. Where no disk may be mounted, the next best that fails in the same way."""
    monkeypatch.setattr("evolink_nb.history.storage.engine.PATIENCE", 0.1)
    monkeypatch.setattr("evolink_nb.history.storage.writer.RETRY_DELAYS", (0.1,))
    with ExitStack() as stack:
        disk = None
        if request.param in {"full", "read-only"}:
            disk = stack.enter_context(small_disk(tmp_path))
        if request.param == "full" and disk is not None:
            yield FullDisk(disk)
        elif request.param in {"full", "quota"}:
            yield FullQuota(tmp_path)
        elif request.param == "read-only" and disk is not None:
            yield ReadOnlyDisk(disk)
        elif request.param == "locked":
            yield LockedFile(tmp_path)
        elif request.param == "stopped":
            yield StoppedServer(request.getfixturevalue("postgres"))
        else:
            yield ReadOnlyFolder(tmp_path)


def test_a_card_goes_on_without_it(broken: BrokenPlace, simulated_account: DemoServer) -> None:
    account = simulated_account.account
    with open_shell({"history": broken.place}) as shell:
        shell.run("%evolink_credits")
        fetcher, notices = the_fetcher(), list[str]()
        card = CreditsWidget(fetcher, interval=600)
        fetcher.observe(lambda change: notices.append(change.new), "notice")
        wait_until(lambda: card.user_used is not None)
        writer = current.required_writer()
        assert writer.flush(30)
        broken.fail()
        seen = set()
        try:
            for _ in range(MANY):
                account.spend(1)
                seen.add(fetcher.read(join=False).user.used)
            wait_until(lambda: broken.problem in card.notice)
            shown = shell.run(f"{LINE} --settle 30\n{GENERATE}generate()")
            assert "credit" in shown.out
            account.spend(1)
            seen.add(fetcher.read(join=False).user.used)
            wait_until(lambda: card.user_used == float(max(seen)))
            assert card.status == "live"
            assert writer.waiting > MANY
        finally:
            broken.mend()
        assert writer.flush(60)
        wait_until(lambda: card.notice == "")
        # Once, although much had to wait.
        assert len(set(notices) - {""}) == 1
        assert notices.count("") == 1
        with writer.store().begin(reads_only=True) as connection:
            costs = queries.costs(connection, 0, FAR)
        assert seen <= kept_in(writer)
        assert len(costs) == 1
        card.close()


def test_a_card_names_what_was_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, simulated_account: DemoServer
) -> None:
    """A damaged file is kept whole, and what comes from then on is in a new one."""
    monkeypatch.setattr("evolink_nb.history.storage.writer.RETRY_DELAYS", (0.1,))
    place, garbage = tmp_path / "history.db", b"no database any more " * 5_000
    with open_shell({"history": str(place)}) as shell:
        shell.run("%evolink_credits")
        fetcher, notices = the_fetcher(), list[str]()
        fetcher.observe(lambda change: notices.append(change.new), "notice")
        card = CreditsWidget(fetcher, interval=600)
        wait_until(lambda: card.user_used is not None)
        writer = current.required_writer()
        assert writer.flush(30)
        wait_until(lambda: not Path(f"{place}-wal").exists())
        with place.open("r+b") as file:
            file.write(garbage)
        simulated_account.account.spend(1)
        used = fetcher.read(join=False).user.used
        assert writer.flush(30)
        [aside] = tmp_path.glob("history.db.damaged-*")
        assert aside.read_bytes().startswith(garbage)
        wait_until(lambda: str(aside) in card.notice)
        assert (card.status, card.user_used) == ("live", float(used))
        assert notices == [f"The history was damaged. It was renamed to {aside}, and a new one was started."]
        assert used in kept_in(writer)
        card.close()


def kept_in(writer: Writer) -> set[Decimal]:
    """Return what the account had used by the readings of a history."""
    with writer.store().begin(reads_only=True) as connection:
        rows = connection.execute(select(READINGS)).mappings()
        return {point_of(row).credits.user.used for row in rows}


def test_an_answer_waits_for_no_retry() -> None:
    """The next try may be a minute away."""

    def fail() -> Store:
        raise HistoryError("It can't be opened.")

    writer = Writer(Location(Kind.MEMORY), open_store=fail)
    writer.record_reading(source(), reading(0, "1"))
    begun = time.monotonic()
    assert not writer.flush(60, retries=False)
    assert not writer.flush(60, retries=False)
    assert time.monotonic() - begun < 30
    assert writer.waiting == 1
    writer.stop(0.1)
