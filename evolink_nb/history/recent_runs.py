"""Runs with one key that other kernels have recorded lately in a shared history."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING

from .in_time import InTime
from .storage.location import Kind
from .tables.records import MAX_SAME, milliseconds, number_at
from .tables.records import moment as moment_of

if TYPE_CHECKING:
    from .storage.writer import Writer
    from .tables.records import CostRecord, Source

PATIENCE = 5.0
"""Seconds that the database has to answer; SQLAlchemy may have to be imported first."""
CLOCK_SLACK = timedelta(hours=1)
"""How far another machine's clock, which numbers its runs, may be off."""
MAX_RUNS = 2_000
"""The most runs that are looked at; only the newest are."""


class RecentRuns:
    """The runs with one key in other kernels, looked up on its own threads."""

    def __init__(self, source: Source, writer: Writer, kernel: str) -> None:
        """Start without asking anything.

        Args:
            source: The key.
            writer: The writer to the database.
            kernel: This kernel's name in the database.
        """
        self._source = source
        self._writer = writer
        self._kernel = kernel
        self._database = InTime("evolink-history-runs")

    @property
    def are_shared(self) -> bool:
        """Whether other kernels may record their runs in the same place."""
        return self._writer.location.kind in {Kind.FILE, Kind.SERVER}

    def since(self, moment: datetime, *, simulated: bool) -> list[CostRecord] | None:
        """Return the runs that ended after about a moment, newest first, by this machine's clock.

        Args:
            moment: The moment, by this machine's clock.
            simulated: Whether the demo account paid for them.

        Returns:
            The runs; None if the database doesn't answer, or would first have to be merged from many files.
        """
        if not self.are_shared:
            return None
        return self._database.ask(lambda: self._find(moment, simulated=simulated), PATIENCE)

    def _find(self, moment: datetime, *, simulated: bool) -> list[CostRecord] | None:
        store = self._writer.store()
        if store.has_many_files():
            return None
        queries = import_module("evolink_nb.history.queries.keys")  # it imports SQLAlchemy
        with store.begin(reads_only=True) as connection:
            ahead = moment_of(store.now(connection)) - datetime.now(UTC)
            ahead = ahead if abs(ahead) > MAX_SAME else timedelta()
            found: list[CostRecord] = queries.runs_since(
                connection,
                store.keys.fingerprint_of(self._source),
                milliseconds(moment + ahead),
                number_at(moment - CLOCK_SLACK),
                simulated=simulated,
                but=self._kernel,
                most=MAX_RUNS,
            )
        return [replace(record, began_at=record.began_at - ahead) for record in found] if ahead else found
