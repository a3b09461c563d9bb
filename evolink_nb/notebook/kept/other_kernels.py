"""Looks up in the history what other kernels did with the same key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING

from ...api.client import EvoLinkClient
from ...history.recent_runs import RecentRuns
from ...history.sharing.sharing import source_of
from ...metering.attribution.quiet import quiet_times
from ...metering.other_kernels import Run, Seen

if TYPE_CHECKING:
    from ...history.storage.writer import Writer
    from ...history.tables.records import CostRecord
    from ...polling.fetcher import CreditsFetcher


class RecordedKernels:
    """Asks the history what other kernels recorded, on a thread that nothing waits for."""

    def __init__(self, writer_for: Callable[[bool], Writer | None], kernel: str) -> None:
        """Start without asking anything.

        Args:
            writer_for: Returns the writer of the demo account's history (True) or the real one (False); None
                if that history isn't kept.
            kernel: This kernel's name in the history.
        """
        self._writer_for = writer_for
        self._kernel = kernel
        self._runs: dict[str, tuple[Writer, RecentRuns]] = {}

    def are_known(self, fetcher: CreditsFetcher) -> bool:
        """Return at once whether the fetcher's key has a history that other kernels may share.

        Args:
            fetcher: The fetcher.
        """
        runs = self._runs_of(fetcher)
        return runs is not None and runs.are_shared

    def seen(self, fetcher: CreditsFetcher, since: float) -> Seen | None:
        """Return what other kernels did with the fetcher's key; None if the history can't say.

        Args:
            fetcher: The fetcher.
            since: The earliest time of interest, in seconds of the fetcher's clock.
        """
        runs = self._runs_of(fetcher)
        if runs is None:
            return None
        moment, now = fetcher.clock.now(), fetcher.clock.monotonic()
        begins = moment - timedelta(seconds=now - since)
        found = runs.since(begins, simulated=_is_simulated(fetcher))
        if found is None:
            return None
        # Asked on a separate thread, and only if something was measured.
        unexplained_in = import_module("evolink_nb.metering.attribution.overlaps").unexplained_in
        others = [(record, _run_of(record, moment, now)) for record in found]
        quiet = quiet_times.of(fetcher.client.identity).seconds
        unexplained = (
            unexplained_in(run, kind=record.kind, reason=record.reason, quiet=quiet) for record, run in others
        )
        return Seen(
            tuple(run for record, run in others if record.kind != "idle"),
            tuple(each for each in unexplained if each is not None),
        )

    def _runs_of(self, fetcher: CreditsFetcher) -> RecentRuns | None:
        client, writer = fetcher.client, self._writer_for(_is_simulated(fetcher))
        if writer is None or not isinstance(client, EvoLinkClient):
            return None
        known = self._runs.get(client.identity)
        if known is None or known[0] is not writer:
            known = self._runs[client.identity] = writer, RecentRuns(source_of(client), writer, self._kernel)
        return known[1]


def _is_simulated(fetcher: CreditsFetcher) -> bool:
    return fetcher.credits is not None and fetcher.credits.simulated


def _run_of(record: CostRecord, moment: datetime, now: float) -> Run:
    """Return a run with its times on a clock that reads ``now`` at ``moment``."""
    began = now - (moment - record.began_at).total_seconds()
    return Run(
        kernel=record.kernel,
        notebook=record.notebook,
        began=began,
        ended=began + record.seconds,
        credits=record.user if record.token is None else record.token,
        is_settled=record.settled,
        is_confirmed=record.confidence == "confirmed",
        within=record.within,
    )
