"""What is shown and rewritten later: live outputs, the line under a measured cell, the cards' outlook.

A widget alone leaves nothing in the saved file that can be read without its kernel. After each live card
stands a static one, and a `LiveOutput` keeps it near what the live one shows. It is an output of its own,
because a rewrite makes front ends draw the whole output anew: the live card would lose the keyboard, the
page would jump, and JupyterLab would keep the old view too. Rewrites are few for the file's sake: when the
state changes or there is a notice, at a cell's end, and otherwise once a minute.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.display import display

from ..formatting import counted
from ..metering import ledger
from ..metering.batch import MIN_CALL_SECONDS
from .cost_line import CostLine

if TYPE_CHECKING:
    from decimal import Decimal

    from ..metering.measurement import Measurement
    from ..polling.fetcher import CreditsFetcher

NOTHING = {"text/plain": "", "text/html": ""}
"""What takes a place that may stay empty; of an output without any type exports complain."""
REWRITE_AFTER = 60.0
"""Seconds after which a reading that changed is written down, if nothing else was a reason to."""
MIN_REWRITE_INTERVAL = 2.0
"""Seconds between two rewrites of one display at least."""

_TWIN_STYLE = """<style>
/* While the live card is here, its twin for the file stays out of sight (JupyterLab, VS Code, Colab). */
:is(.jp-OutputArea, .cell_container, #output-area):has(.evolink-card[data-live])
  :is(.evo-twin, .jp-OutputArea-child:has(.evo-twin)),
/* Without its kernel JupyterLab has only "Loading" or "model not found" to say where the live card was. */
.jp-OutputArea-child:has(~ .jp-OutputArea-child .evo-twin) > .jp-OutputArea-output:not(:has(*)) {
  display: none;
}
</style>
"""


def static_fallback(bundle: dict[str, str]) -> dict[str, str]:
    """Give a card that does not move as one to be read where its live card, the output before it, is gone."""
    return bundle | {"text/html": f'{_TWIN_STYLE}<div class="evo-twin">{bundle["text/html"]}</div>'}


class LiveOutput:
    """One output of one cell, rewritten with what ``render`` gives: a MIME bundle."""

    def __init__(
        self, fetcher: CreditsFetcher, render: Callable[[], dict[str, Any]], *, every: float | None = None
    ) -> None:
        """Show what ``render`` gives now, and again when ``fetcher`` brings something new.

        A reading that changed waits ``every`` seconds at least, `REWRITE_AFTER` unless told otherwise.
        """
        self._fetcher = fetcher
        self._render = render
        self._every = every or REWRITE_AFTER
        self._writing = threading.Lock()
        self._status, self._notice = fetcher.status, fetcher.notice
        self._revision = fetcher.revision
        self._written_at = time.monotonic()
        self._handle = display(render(), raw=True, display_id=True)
        fetcher.observe(self._follow, "revision")

    def stop(self) -> None:
        """Leave the output as it is from now on."""
        self._fetcher.unobserve(self._follow, "revision")

    def at_cell_end(self) -> None:
        """Write down what came since the last rewrite."""
        if self._fetcher.revision != self._revision:
            self._rewrite()

    def _follow(self, _change: object) -> None:
        status = self._fetcher.status
        # A reading under way is no state worth a rewrite.
        changed = status not in {self._status, "refreshing", "loading"}
        quiet = time.monotonic() - self._written_at
        urgent = self._fetcher.notice != self._notice
        if urgent or quiet >= self._every or (changed and quiet >= MIN_REWRITE_INTERVAL):
            self._rewrite()

    def _rewrite(self) -> None:
        with self._writing:
            self._status, self._notice = self._fetcher.status, self._fetcher.notice
            self._revision = self._fetcher.revision
            self._written_at = time.monotonic()
            self._handle.update(self._render(), raw=True)


class Line:
    """The line under one cell, amended in place as its cost gets sure."""

    def __init__(self, measurement: Measurement, *, key: str, shown: bool) -> None:
        """Take the place under the cell that ends now; empty until `amend` unless ``shown``."""
        self.measurement = measurement
        self.over = False
        self._key = key
        self._settling = True
        self._sent: dict[str, str] = {}
        self._missed = False
        # It is amended by the thread that settles, and sent again by the one that runs cells.
        self._sending = threading.Lock()
        self._handle: Any = None
        # What is shown later than that still belongs to the cell that ends now.
        self._context = contextvars.copy_context()
        self._take_place(shown=shown)

    def amend(self) -> None:
        """Show what is known by now; on the thread that settles."""
        self._send()
        self._missed = True

    def finish(self, *, shown: bool) -> None:
        """Show that nothing moves any more, if the line is ``shown`` at all."""
        self._settling = False
        if shown:
            self.amend()
        self.over = True

    def send_again(self) -> None:
        """Send what was amended since its own cell ended once more, as part of the cell that runs."""
        if self._missed:
            self._missed = False
            self._send(again=True)

    def _take_place(self, *, shown: bool) -> None:
        # Showing something costs a cell a millisecond. One too short to have made a call is spared that; if
        # it spent something after all, its line comes late, where the front end takes it.
        if shown or self.measurement.seconds >= MIN_CALL_SECONDS:
            self._show(self._bundle() if shown else NOTHING)

    def _send(self, *, again: bool = False) -> None:
        with self._sending:
            bundle = self._bundle()
            if again or bundle != self._sent:
                self._sent = bundle
                self._show(bundle)

    def _show(self, bundle: dict[str, str]) -> None:
        if self._handle is None:
            self._handle = self._context.run(display, bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)

    def _bundle(self) -> dict[str, str]:
        measurement = self.measurement
        runs = None
        if measurement.after is not None and not self._settling:
            simulated = measurement.cost.simulated
            expected = ledger.expected(ledger.current().entries(), self._key, simulated=simulated)
            runs = ledger.runs_left(measurement.after.spendable, expected) if expected else None
        return CostLine(
            measurement.cost,
            settling=self._settling,
            settled_in=measurement.settled_in,
            left=measurement.after,
            runs=runs,
        ).mimebundle()


class PrintedLine(Line):
    """The line of a cell in a terminal: printed when its first figure is there, and again when it changed."""

    def amend(self) -> None:
        """Print what is known by now when the next cell ends: a thread may not while a person types."""
        self._missed = True

    def _take_place(self, *, shown: bool) -> None:
        self._missed = shown

    def _show(self, bundle: dict[str, str]) -> None:
        print(bundle["text/plain"])


class Outlook:
    """Tells an account's cards for how many more runs of a cell the credits last, as they fall."""

    def __init__(self, fetcher: CreditsFetcher, expected: Decimal) -> None:
        """Tell it for runs of ``expected`` credits each, until `end`."""
        self.fetcher = fetcher
        self._expected = expected
        self._ended = False
        fetcher.observe(self._tell, "credits")
        self._tell()

    def end(self, *, clear: bool = True) -> None:
        """Tell it no longer; without ``clear`` what was told last stays."""
        if not self._ended:
            self._ended = True
            self.fetcher.unobserve(self._tell, "credits")
            if clear:
                self.fetcher.set_message(outlook="")

    def _tell(self, _change: object = None) -> None:
        credits = self.fetcher.credits
        if credits is not None:
            runs = ledger.runs_left(credits.spendable, self._expected)
            self.fetcher.set_message(outlook=f"about {counted(f'{runs:,}', 'more run')} of the last cell")
