"""What a saved notebook keeps of its cards: displays that are rewritten, rarely, with the newest reading.

A widget alone leaves nothing in the file that can be read without its kernel. After each live card stands
a card that does not move; this room keeps it near what the live one shows. It is an output of its own,
because a rewrite makes front ends draw the whole output anew: the live card would lose the keyboard, the
page would jump, and JupyterLab would keep the old view too. Rewrites are few for the file's sake: when the
state changes or there is a notice, at a cell's end, and otherwise once a minute.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.display import display

if TYPE_CHECKING:
    from ..polling.fetcher import CreditsFetcher

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
