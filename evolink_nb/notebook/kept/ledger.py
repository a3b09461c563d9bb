"""The ledger of a kernel whose costs are also kept in the history."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from ... import runtime
from ...history.tables.records import CostRecord, Source, new_number, work_id
from ...metering.cost import Cost, Together
from ...metering.entry import Entry
from ...metering.ledger import MAX_ENTRIES

if TYPE_CHECKING:
    from ...history.storage.writer import Writer
    from ...metering.cost import Confidence
    from ...metering.entry import Kind
    from ...metering.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a kernel's work is done, and by whom.

    Attributes:
        notebook: The notebook's path; "" if unknown.
        kernel: Identifies the kernel.
        username: The user's name in the operating system or the hub.
    """

    notebook: str
    kernel: str
    username: str


class KeptLedger:
    """Passes entries on to another ledger, and also writes their costs into the history."""

    def __init__(
        self,
        inner: Ledger,
        writer: Callable[[Cost], Writer | None],
        source_of: Callable[[str], Source | None],
        redact: Callable[[str, str], str],
        origin: Origin,
    ) -> None:
        """Keep what is recorded from now on.

        Args:
            inner: The ledger that this kernel reads.
            writer: Returns the writer for a cost; None if the cost isn't to be kept.
            source_of: Returns the account for a client's identity.
            redact: Returns a text without an account's key, given the account's identity and the text.
            origin: Where the work is done.
        """
        self.inner = inner
        self._writer = writer
        self._source_of = source_of
        self._redact = redact
        self._origin = origin
        self._lock = threading.Lock()
        self._records: OrderedDict[int, CostRecord] = OrderedDict()
        runtime.forget_after_fork(self)

    def record(self, entry: Entry) -> int:
        """Add an entry.

        Args:
            entry: The run.

        Returns:
            The entry's number in this ledger.
        """
        number = self.inner.record(entry)
        record = self._record_of(entry)
        with self._lock:
            self._records[number] = record
            if len(self._records) > MAX_ENTRIES:
                self._records.popitem(last=False)
        self._keep(record, entry.cost)
        return number

    def amend(self, number: int, cost: Cost) -> None:
        """Replace the cost of an entry.

        Args:
            number: The entry's number, as returned by `record`.
            cost: The new cost.

        Raises:
            KeyError: `record` never returned that number.
        """
        self.inner.amend(number, cost)
        with self._lock:
            record = self._records.get(number)
        if record is not None:
            self._keep(record, cost)

    def entries(self) -> tuple[Entry, ...]:
        """Return the entries of this kernel, oldest first."""
        return self.inner.entries()

    def close(self) -> None:
        """Stop writing to the history."""
        self._writer = _no_writer

    def after_fork(self) -> None:
        """Stop writing to the history in a forked child."""
        self._lock = threading.Lock()
        self.close()

    def _keep(self, record: CostRecord, cost: Cost) -> None:
        writer = self._writer(cost)
        if writer is not None:
            writer.record_cost(_with_cost(record, cost))

    def _record_of(self, entry: Entry) -> CostRecord:
        return CostRecord(
            number=new_number(),
            source=self._source_of(entry.account),
            kind=entry.kind,
            work=work_id(entry.kind, entry.key),
            # A cell's name is its first line, which may hold a key.
            name=self._redact(entry.account, entry.name),
            began_at=entry.began_at,
            notebook=self._origin.notebook,
            kernel=self._origin.kernel,
            username=self._origin.username,
            items=entry.items,
            within=entry.within,
        )


def entry_of(record: CostRecord) -> Entry:
    """Return a run in the history as an entry of a ledger.

    Args:
        record: The run.
    """
    together = Together(record.together_label, record.together) if record.together is not None else None
    cost = Cost(
        token=record.token,
        user=record.user,
        others=record.others,
        topped_up=record.topped_up,
        seconds=record.seconds,
        settled=record.settled,
        confidence=cast("Confidence", record.confidence),
        reason=record.reason,
        simulated=record.simulated,
        together=together,
    )
    kind = cast("Kind", record.kind)
    return Entry(record.work, record.name, kind, record.began_at, cost, record.items, record.within)


def _with_cost(record: CostRecord, cost: Cost) -> CostRecord:
    return replace(
        record,
        token=cost.token,
        user=cost.user,
        others=cost.others,
        topped_up=cost.topped_up,
        seconds=cost.seconds,
        settled=cost.settled,
        confidence=cost.confidence,
        reason=cost.reason,
        simulated=cost.simulated,
        together_label="" if cost.together is None else cost.together.label,
        together=None if cost.together is None else cost.together.credits,
    )


def _no_writer(_cost: Cost) -> None:
    """Return no writer."""
