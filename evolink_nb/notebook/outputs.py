"""Outputs that are rewritten later.

A widget alone leaves nothing in the saved file that can be read without its kernel. So each live card is
followed by a static one, which a `LiveOutput` keeps similar to the live one. It is a separate output because
a rewrite makes front ends redraw the whole output: the live card would lose keyboard focus, the page would
jump, and JupyterLab would also keep the old view. Rewrites are rare, for the file's sake: when the status
changes or there is a notice, at a cell's end, and otherwise once a minute.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.display import display

from ..polling.status import Status

if TYPE_CHECKING:
    from ..polling.fetcher import CreditsFetcher

REWRITE_AFTER = 60.0
"""Seconds after which a live output is rewritten even if only the reading is new."""
MIN_REWRITE_INTERVAL = 2.0
"""The shortest time between two rewrites of one output, in seconds."""

_FALLBACK_STYLE = """<style>
/* While the live card is here, the file's static one stays out of sight (JupyterLab, VS Code, Colab). */
:is(.jp-OutputArea, .cell_container, #output-area):has([data-live])
  :is(.evo-fallback, .jp-OutputArea-child:has(.evo-fallback)),
/* Without its kernel JupyterLab has only "Loading" or "model not found" to say where the live card was. */
.jp-OutputArea-child:has(~ .jp-OutputArea-child .evo-fallback) > .jp-OutputArea-output:not(:has(*)) {
  display: none;
}
</style>
"""


def static_fallback(bundle: dict[str, str]) -> dict[str, str]:
    """Return a static card that shows only where the live card before it is missing.

    Args:
        bundle: The card by media type.

    Returns:
        The same card, hidden while the live card is there.
    """
    return bundle | {"text/html": f'{_FALLBACK_STYLE}<div class="evo-fallback">{bundle["text/html"]}</div>'}


class LiveOutput:
    """One output of one cell, rewritten when the account's fetcher has something new."""

    def __init__(
        self,
        fetcher: CreditsFetcher,
        render: Callable[[], dict[str, Any]],
        *,
        every: float | None = None,
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """Show the output now, and keep it up to date until `stop`.

        Args:
            fetcher: The fetcher that reads the account.
            render: Returns the output, by media type.
            every: The shortest delay before showing a new reading, in seconds; `REWRITE_AFTER` by default.
            wanted: Returns whether to rewrite the output before a cell ends, for anything but a notice.
                Jupyter may be set to end idle kernels, and a kernel that sends anything never looks idle.
        """
        self._fetcher = fetcher
        self._render = render
        self._wanted = wanted
        self._every = every or REWRITE_AFTER
        self._rewriting = threading.Lock()
        self._status, self._notice = fetcher.status, fetcher.notice
        self._revision = fetcher.revision
        self._rewritten_at = time.monotonic()
        self._handle = display(render(), raw=True, display_id=True)
        fetcher.observe(self._on_revision, "revision")

    def stop(self) -> None:
        """Leave the output as it is from now on."""
        self._fetcher.unobserve(self._on_revision, "revision")

    def switch(self, fetcher: CreditsFetcher) -> None:
        """Follow another fetcher, and show what it has.

        Args:
            fetcher: The fetcher that reads the account shown from now on.
        """
        self.stop()
        self._fetcher = fetcher
        fetcher.observe(self._on_revision, "revision")
        self._rewrite()

    def at_cell_end(self) -> None:
        """Rewrite the output if anything has changed since the last rewrite."""
        if self._fetcher.revision != self._revision:
            self._rewrite()

    def _on_revision(self, _change: object) -> None:
        status = self._fetcher.status
        # A read in progress is not a status worth a rewrite.
        changed = status not in {self._status, Status.REFRESHING, Status.LOADING}
        quiet = time.monotonic() - self._rewritten_at
        urgent = self._fetcher.notice != self._notice
        due = quiet >= self._every or (changed and quiet >= MIN_REWRITE_INTERVAL)
        if urgent or (due and self._wanted()):
            self._rewrite()

    def _rewrite(self) -> None:
        with self._rewriting:
            self._status, self._notice = self._fetcher.status, self._fetcher.notice
            self._revision = self._fetcher.revision
            self._rewritten_at = time.monotonic()
            self._handle.update(self._render(), raw=True)
