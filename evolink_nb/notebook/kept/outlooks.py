"""Shows a measured cell's outlook on the cards: what its last runs cost, and how many more are affordable."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from ... import credits, runtime
from ...formatting import in_credits
from ...history.of_work import last_costs
from ...metering import ledger
from ...metering.summary import NEWEST, newest_costs
from ..cost_line import more_runs

if TYPE_CHECKING:
    from ...metering.measurement import Measurement
    from ...polling.fetcher import CreditsFetcher
    from ..metered_cell import MeteredCell

MIN_RUN = 0.5
"""Seconds that a cell must have run before its outlook is shown."""
MAX_NAME = 40
"""The longest cell name that a card shows, in characters."""


class Outlooks:
    """Shows the outlook on the cards of one shell: of the running cell, if it has run before, or of the last.

    What a running cell cost before is shown when a reading arrives, not when the cell begins, because nothing
    may make a short cell longer. What it cost in earlier kernels is looked up once.
    """

    def __init__(self) -> None:
        """Start without an outlook."""
        self._lock = threading.RLock()
        self._shown: Outlook | None = None
        self._running: tuple[MeteredCell, float] | None = None
        self._said: MeteredCell | None = None
        self._asked: set[str] = set()
        self._observed: set[CreditsFetcher] = set()

    def at_cell_start(self, metered: MeteredCell) -> None:
        """Record that a cell begins.

        Args:
            metered: The cell.
        """
        measurement = metered.measurement
        if measurement is None or not metered.key:
            return
        self._running = metered, time.monotonic()
        if measurement.fetcher not in self._observed:
            self._observed.add(measurement.fetcher)
            measurement.fetcher.observe(self._at_revision, "revision")

    def at_cell_end(self) -> None:
        """Record that the cell has ended: an outlook not shown by now will not be."""
        self._running = None

    def after_settling(self, metered: MeteredCell, measurement: Measurement) -> None:
        """Show how many more runs of a cell the credits cover, now that its cost is final.

        Args:
            metered: The cell.
            measurement: Its measurement.
        """
        simulated = measurement.cost.simulated
        expected = ledger.expected(ledger.current().entries(), metered.key, simulated=simulated)
        if measurement.cost.credits and expected:
            self._show(measurement, expected, metered.name)

    def stop(self) -> None:
        """Remove the outlook that is shown, and show no other."""
        self._running = None
        for fetcher in self._observed:
            fetcher.unobserve(self._at_revision, "revision")
        self._observed.clear()
        with self._lock:
            if self._shown is not None:
                self._shown.end()
                self._shown = None

    # -- on other threads ------------------------------------------------------------------------------

    def _at_revision(self, _change: object = None) -> None:
        running = self._running
        if running is None or time.monotonic() - running[1] < MIN_RUN or self._said is running[0]:
            return
        metered = self._said = running[0]
        measurement = metered.measurement
        if measurement is None:
            return
        reading = measurement.fetcher.credits
        simulated = reading is not None and reading.simulated
        known = newest_costs(ledger.current().entries(), metered.key, simulated=simulated)
        if known:
            self._say(metered, measurement, known)
        elif metered.key not in self._asked:
            self._asked.add(metered.key)
            look = partial(self._look_back, metered, measurement, simulated=simulated)
            runtime.start(look, name="evolink-last-costs")

    def _look_back(self, metered: MeteredCell, measurement: Measurement, *, simulated: bool) -> None:
        known = last_costs("cell", metered.key, simulated=simulated, most=NEWEST)
        running = self._running
        if known and running is not None and running[0] is metered:
            self._say(metered, measurement, known)

    def _say(self, metered: MeteredCell, measurement: Measurement, known: Sequence[Decimal]) -> None:
        expected = credits.mean(credits.total(known), len(known))
        if expected > 0:
            self._show(measurement, expected, metered.name, said=_words(expected, len(known)))

    def _show(self, measurement: Measurement, expected: Decimal, name: str, *, said: str = "") -> None:
        with self._lock:
            if self._shown is not None:
                self._shown.end(clear=self._shown.fetcher is not measurement.fetcher)
            self._shown = Outlook(measurement.fetcher, expected, name, said=said)


def _words(expected: Decimal, runs: int) -> str:
    """Return a phrase like "cost 12.5 credits last time" or "cost about 12.5 credits the last 3 times"."""
    if runs == 1:
        return f"cost {in_credits(expected)} last time"
    return f"cost about {in_credits(expected)} the last {runs} times"


class Outlook:
    """Shows on an account's cards how many more runs of a cell the credits cover, and keeps that up to date.

    Attributes:
        fetcher: The fetcher that reads the account.
    """

    def __init__(self, fetcher: CreditsFetcher, expected: Decimal, name: str, *, said: str = "") -> None:
        """Show the outlook until `end`.

        Args:
            fetcher: The fetcher that reads the account.
            expected: The cost of one run in credits, more than 0.
            name: The cell's name.
            said: What earlier runs cost, as a phrase: "cost 12.5 credits last time".
        """
        self.fetcher = fetcher
        self._expected = expected
        shown = name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"
        self._said, self._what = (f"{shown} {said}: ", "like this") if said else ("", f"of {shown}")
        self._ended = False
        fetcher.observe(self._update, "credits")
        self._update()

    def end(self, *, clear: bool = True) -> None:
        """Stop showing the outlook.

        Args:
            clear: Whether to remove what was shown last.
        """
        if not self._ended:
            self._ended = True
            self.fetcher.unobserve(self._update, "credits")
            if clear:
                self.fetcher.set_message(outlook="")

    def _update(self, _change: object = None) -> None:
        credits = self.fetcher.credits
        if credits is not None:
            runs = ledger.runs_left(credits.spendable, self._expected)
            words = more_runs(runs, self._what)
            self.fetcher.set_message(
                outlook=f"{self._said}enough for {words}" if runs else self._said + words
            )
