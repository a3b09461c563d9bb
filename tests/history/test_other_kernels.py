"""What two kernels that share a history learn of each other, from both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from evolink_nb import CreditsFetcher, EvoLinkClient
from evolink_nb.errors import HistoryError
from evolink_nb.history import in_time
from evolink_nb.history.recent_runs import RecentRuns
from evolink_nb.history.sharing.sharing import source_of
from evolink_nb.history.storage.location import Kind, Location
from evolink_nb.history.tables.records import CostRecord, number_at
from evolink_nb.metering.attribution.verdict import ELSEWHERE, STILL_SPENDING
from evolink_nb.metering.other_kernels import Seen, UnexplainedSpending
from evolink_nb.notebook.kept.other_kernels import RecordedKernels
from tests.support.histories import cost, source, writing_to
from tests.support.readings import reading
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from evolink_nb.history.storage.writer import Writer

WAIT = 20.0
NOW = datetime.now(UTC)
MINE, THEIRS = "host:1", "host:2"
FOUR = Decimal(4)


@pytest.fixture
def fetcher() -> Iterator[CreditsFetcher]:
    with EvoLinkClient("sk-two-kernels-share-this", base_url="http://127.0.0.1:9") as client:
        yield CreditsFetcher(client)


def ran(fetcher: CreditsFetcher, ago: float, credits: Decimal | None = FOUR, **more: object) -> CostRecord:
    """Work of another kernel that began so many seconds ago and took 2."""
    client = fetcher.client
    assert isinstance(client, EvoLinkClient)
    given: dict[str, Any] = {
        "source": source_of(client),
        "kernel": THEIRS,
        "notebook": "work/theirs.ipynb",
        "began_at": datetime.now(UTC) - timedelta(seconds=ago),
        "settled": True,
    }
    return cost(credits, **{**given, **more})


@contextmanager
def both(location: Location) -> Iterator[tuple[Writer, RecordedKernels]]:
    """Another kernel's writer, and what this kernel asks."""
    with writing_to(location) as theirs, writing_to(location) as mine:
        yield theirs, RecordedKernels(lambda _simulated: mine, MINE)


def seen_by(asking: RecordedKernels, fetcher: CreditsFetcher, seconds: float = 700) -> Seen:
    found = asking.seen(fetcher, fetcher.clock.monotonic() - seconds)
    assert found is not None
    return found


def test_they_see_each_others_work(location: Location, fetcher: CreditsFetcher) -> None:
    with both(location) as (theirs, asking):
        theirs.record_cost(ran(fetcher, 100))
        theirs.record_cost(ran(fetcher, 50, None, settled=False, within=True))
        theirs.record_cost(ran(fetcher, 20, confidence="confirmed", notebook=""))
        # Not theirs, of another key, on the demo account, and of a key that isn't known.
        theirs.record_cost(ran(fetcher, 10, kernel=MINE))
        theirs.record_cost(ran(fetcher, 10, source=source("another")))
        theirs.record_cost(ran(fetcher, 10, simulated=True))
        theirs.record_cost(ran(fetcher, 10, source=None))
        assert theirs.flush(WAIT)
        now = fetcher.clock.monotonic()
        found = seen_by(asking, fetcher)
    assert found.unexplained == ()
    oldest, middle, newest = sorted(found.runs, key=lambda run: run.began)
    for run, ago in ((newest, 20), (middle, 50), (oldest, 100)):
        assert run.kernel == THEIRS
        assert run.began == pytest.approx(now - ago, abs=5)
        assert run.ended == pytest.approx(run.began + 2, abs=0.01)
    assert (oldest.credits, oldest.is_settled, oldest.is_confirmed, oldest.within) == (
        FOUR,
        True,
        False,
        False,
    )
    assert (middle.credits, middle.is_settled, middle.within) == (None, False, True)
    assert (newest.is_confirmed, newest.notebook, oldest.notebook) == (True, "", "work/theirs.ipynb")


def test_they_see_what_each_has_seen(location: Location, fetcher: CreditsFetcher) -> None:
    """Kept as the reasons of costs, and of what was spent while nothing ran."""
    with both(location) as (theirs, asking):
        theirs.record_cost(ran(fetcher, 60, confidence="shared", reason=STILL_SPENDING))
        theirs.record_cost(ran(fetcher, 30, kind="idle", reason=ELSEWHERE))
        theirs.record_cost(ran(fetcher, 20, kind="idle", reason="counters agree"))
        theirs.record_cost(ran(fetcher, 10, confidence="shared", reason=ELSEWHERE))
        assert theirs.flush(WAIT)
        found = seen_by(asking, fetcher)
    assert len(found.runs) == 2
    went_on, idle = sorted(found.unexplained, key=lambda each: each.since)
    assert idle == UnexplainedSpending(THEIRS, idle.since, idle.since + 2, FOUR)
    assert went_on.since == pytest.approx(idle.since - 28, abs=1)


def test_an_amended_cost_replaces_the_first(location: Location, fetcher: CreditsFetcher) -> None:
    with both(location) as (theirs, asking):
        first = ran(fetcher, 60, None, settled=False)
        for record in (first, replace(first, token=FOUR, settled=True)):
            theirs.record_cost(record)
            assert theirs.flush(WAIT)
            found = seen_by(asking, fetcher)
            assert [(run.credits, run.is_settled) for run in found.runs] == [(record.token, record.settled)]


def test_what_is_long_over_is_not_looked_at(location: Location, fetcher: CreditsFetcher) -> None:
    """But what began long ago and is just over is."""
    with both(location) as (theirs, asking):
        old = number_at(NOW - timedelta(hours=5))
        theirs.record_cost(ran(fetcher, 5 * 3600 + 60, number=old))
        theirs.record_cost(ran(fetcher, 1800))
        theirs.record_cost(ran(fetcher, 5 * 3600, seconds=5 * 3600.0))
        assert theirs.flush(WAIT)
        assert [round(run.ended - run.began) for run in seen_by(asking, fetcher).runs] == [5 * 3600]
        assert len(seen_by(asking, fetcher, seconds=6 * 3600).runs) == 3


def test_nothing_is_asked_where_none_is_kept(fetcher: CreditsFetcher) -> None:
    """Nor where no other kernel can have kept anything."""
    with writing_to(Location(Kind.MEMORY)) as alone:
        for writer in (None, alone):
            asking = RecordedKernels({False: writer}.get, MINE)
            assert not asking.are_known(fetcher)
            assert asking.seen(fetcher, 0.0) is None


def test_many_files_are_not_merged_for_it(tmp_path: Path, fetcher: CreditsFetcher) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"36 35 0:33 / {tmp_path} rw - nfs4 server:/home rw\n")
    with writing_to(Location(Kind.FILE, tmp_path / "history.db"), mounts=mounts) as writer:
        assert RecordedKernels(lambda _simulated: writer, MINE).seen(fetcher, 0.0) is None
        assert list(tmp_path.glob("*kernels*")) == []


def test_a_database_that_hangs_is_left_alone(
    tmp_path: Path, fetcher: CreditsFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One question waits for it, not one for each cell."""
    monkeypatch.setattr("evolink_nb.history.recent_runs.PATIENCE", 0.05)
    client = fetcher.client
    assert isinstance(client, EvoLinkClient)
    goes_on, asked = threading.Event(), []
    with writing_to(Location(Kind.FILE, tmp_path / "history.db")) as writer:
        store = writer.store()
        has_many_files = store.has_many_files

        def hangs() -> bool:
            asked.append(1)
            assert goes_on.wait(WAIT)
            return has_many_files()

        monkeypatch.setattr(store, "has_many_files", hangs)
        runs = RecentRuns(source_of(client), writer, MINE)
        for _ in range(3):
            assert runs.since(NOW, simulated=False) is None
        wait_until(lambda: bool(asked))
        assert runs.since(NOW, simulated=False) is None
        assert asked == [1]
        goes_on.set()
        wait_until(lambda: runs.since(NOW, simulated=False) == [])


def test_a_failed_question_rests_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    database, asked = in_time.InTime("evolink-test-question"), []

    def fail() -> int:
        asked.append(1)
        raise HistoryError("It can't be read.")

    assert [database.ask(fail, WAIT) for _ in range(3)] == [None] * 3
    assert asked == [1]
    monkeypatch.setattr(database, "_not_before", 0.0)
    assert database.ask(lambda: 5, WAIT) == 5


def test_the_demo_accounts_work_is_its_own(location: Location, fetcher: CreditsFetcher) -> None:
    """A kernel that reads the demo account asks for what was spent on that."""
    fetcher.set_trait("credits", reading(simulated=True))
    with both(location) as (theirs, asking):
        theirs.record_cost(ran(fetcher, 20))
        theirs.record_cost(ran(fetcher, 10, Decimal(7), simulated=True))
        assert theirs.flush(WAIT)
        assert [run.credits for run in seen_by(asking, fetcher).runs] == [7]
