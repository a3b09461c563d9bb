"""Processes whose clocks are wrong, or are set while they run, and what they share all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Self

import pytest

from evolink_nb import EvoLinkClient
from evolink_nb.history.sharing.leases import find_lease
from evolink_nb.history.sharing.sharing import source_of
from evolink_nb.history.storage.location import find_location
from evolink_nb.history.storage.store import Store
from tests.support.environment import account_of
from tests.support.pgbouncer import pooled
from tests.support.waiting import wait_until
from tests.support.wall_clock import IS_POSSIBLE, WallClock

if TYPE_CHECKING:
    from pathlib import Path

    from evolink_nb.demo import DemoServer
    from evolink_nb.history.sharing.leases import Lease
    from tests.support.postgres import Postgres

pytestmark = pytest.mark.skipif(not IS_POSSIBLE, reason="this takes Linux and a C compiler")

HOUR = 3_600
ROUTE = "/v1/credits"
SOON = 20.0
"""Seconds in which what takes two intervals is done on a busy machine, and what takes an hour is not."""
READ = """
import sys
import evolink_nb.history.sharing.shared_readings  # a file's first reading waits for no import
from evolink_nb.history.sharing import holders
from evolink_nb import CreditsFetcher, EvoLinkClient
holders._host = lambda: sys.argv[1]
fetcher = CreditsFetcher(EvoLinkClient(), 0.4)
fetcher.observe(lambda change: print(fetcher.credits and fetcher.credits.user.used, flush=True), "revision")
fetcher.start()
sys.stdin.read()
"""


class Machine:
    """A process that reads the account, and takes itself for another machine's."""

    def __init__(self, folder: Path, name: str, environment: dict[str, str]) -> None:
        """Start it, and wait until it has a reading."""
        self._heard = folder / f"{name}.txt"
        with self._heard.open("w", encoding="utf-8") as heard:
            self.process = subprocess.Popen(
                [sys.executable, "-c", READ, name],
                env=os.environ | environment,
                stdin=subprocess.PIPE,
                stdout=heard,
            )
        wait_until(lambda: set(self.heard()) - {"None"})

    def heard(self) -> list[str]:
        """Return what the account has used, as often as it has heard of it."""
        return self._heard.read_text(encoding="utf-8").split()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


class Team:
    """What tests ask of an account that several machines read."""

    def __init__(self, place: str, server: DemoServer) -> None:
        """Look at the history in a place.

        Args:
            place: A file, or the URL of a database.
            server: The account's.
        """
        self.server = server
        self.environment = {**account_of(server), "EVOLINK_NB_HISTORY": place}
        self._store = Store(find_location(place))

    @property
    def requests(self) -> int:
        """How often the account has been read."""
        return self.server.requests_seen[ROUTE]

    def lease(self) -> Lease:
        """Return who reads it."""
        with (
            EvoLinkClient(self.server.key, base_url=self.server.url) as client,
            self._store.begin(reads_only=True) as connection,
        ):
            lease = find_lease(connection, self._store.keys.fingerprint_of(source_of(client)))
        assert lease is not None
        return lease

    def spend(self) -> str:
        """Spend a credit, and return what the account has used now."""
        self.server.account.spend(1)
        return str(self.server.account.balance()["user"]["used_credits"])


@pytest.mark.parametrize(("shift", "is_pooled"), [(-HOUR, False), (HOUR, True)])
def test_clocks_an_hour_apart_share(
    postgres: Postgres, demo_server: DemoServer, tmp_path: Path, shift: int, *, is_pooled: bool
) -> None:
    """One request serves both, and each replaces the other as soon as if both were right."""
    url, clock = postgres.new_database(), WallClock(tmp_path)
    clock.shift(shift)
    with pooled(url) if is_pooled else nullcontext(url) as place:
        share_by_clocks(Team(place, demo_server), tmp_path, clock)


def share_by_clocks(team: Team, tmp_path: Path, clock: WallClock) -> None:
    """Have a machine with a right clock and one with a wrong one read an account."""
    with (
        Machine(tmp_path, "wrong", team.environment | clock.environment) as wrong,
        Machine(tmp_path, "right", team.environment) as right,
    ):
        before, seen = team.lease(), team.requests
        used = team.spend()
        wait_until(lambda: used in right.heard() and used in wrong.heard())
        wait_until(lambda: team.requests >= seen + 3)
        after = team.lease()
        assert after.holder == before.holder
        # Each request was its holder's: the one under way may have taken its turn before.
        assert abs((after.term - before.term) - (team.requests - seen)) <= 1
        reading, following = (wrong, right) if after.holder.startswith("wrong") else (right, wrong)
        reading.process.kill()
        reading.process.wait()
        used = team.spend()
        wait_until(lambda: used in following.heard(), limit=SOON)


def test_a_machine_set_back_goes_on(tmp_path: Path, demo_server: DemoServer) -> None:
    """A file goes by its machine's clock: who reads no more must not hold the lease for an hour."""
    team, clock = Team(str(tmp_path / "history.db"), demo_server), WallClock(tmp_path)
    environment = team.environment | clock.environment
    with (
        Machine(tmp_path, "first", environment) as first,
        Machine(tmp_path, "second", environment) as second,
    ):
        wait_until(lambda: team.lease().read_at is not None)
        reading, following = (first, second) if team.lease().holder.startswith("first") else (second, first)
        reading.process.send_signal(signal.SIGSTOP)
        clock.shift(60 - HOUR)
        used = team.spend()
        wait_until(lambda: used in following.heard(), limit=SOON)
        reading.process.send_signal(signal.SIGCONT)
        used = team.spend()
        wait_until(lambda: used in following.heard() and used in reading.heard())
