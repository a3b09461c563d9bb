"""Has a kernel's readings and costs kept in the history, and says where, and what goes wrong."""

from __future__ import annotations

import getpass
import os
import re
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..api.client import EvoLinkClient
from ..errors import ConfigurationError
from ..history.current import current
from ..history.location import HISTORY_VARIABLE, Kind
from ..history.places import is_begun
from ..history.sharing import source_of
from ..metering import ledger
from ..polling.fetcher import CreditsFetcher, shared_fetchers, watch_shared
from .kept_ledger import KeptLedger, Whereabouts

if TYPE_CHECKING:
    from ..history.location import Location
    from ..history.records import Source
    from ..history.writer import Writer
    from ..metering.cost import Cost

_KEY = re.compile(r"\bsk-[\w-]{4,}")
_STOP_SECONDS = 1.0
"""Seconds that unloading waits for what is still to be written."""


class Recording:
    """Keeps what the shared fetchers read, and what the ledger in use records.

    The demo account is kept only where the user has chosen the place.
    """

    def __init__(self, shell: Any) -> None:
        """Begin to keep.

        Args:
            shell: The shell whose work it is.
        """
        self._followed: dict[CreditsFetcher, Callable[[Any], None]] = {}
        self._observed: Writer | None = None
        self._problem = self._announcement = ""
        inner = ledger.current()
        self._ledger = KeptLedger(inner, self._writer_of, self._source_of, _redact, _whereabouts(shell))
        ledger.use(self._ledger)
        self._unwatch = watch_shared(self._follow)

    def at_cell_end(self) -> None:
        """Say once, under the cell that began it, where the history is kept."""
        if self._announcement:
            print(self._announcement, file=sys.stderr)
            self._announcement = ""

    def stop(self) -> None:
        """Keep nothing further; what is known is written."""
        self._unwatch()
        for fetcher, handler in self._followed.items():
            fetcher.unobserve(handler, "revision")
        self._followed.clear()
        self._ledger.close()
        if ledger.current() is self._ledger:
            ledger.use(self._ledger.inner)
        current.stop(timeout=_STOP_SECONDS)

    # -- readings --------------------------------------------------------------------------------------

    def _follow(self, fetcher: CreditsFetcher) -> None:
        handler = self._followed[fetcher] = partial(self._at_revision, fetcher)
        fetcher.observe(handler, "revision")

    def _at_revision(self, fetcher: CreditsFetcher, _change: object) -> None:
        credits, source = fetcher.credits, _source_for(fetcher)
        if credits is None or source is None:
            return
        writer = self._writer(simulated=credits.simulated)
        if writer is not None:
            writer.record_reading(source, credits)

    # -- costs -----------------------------------------------------------------------------------------

    def _writer_of(self, cost: Cost) -> Writer | None:
        return self._writer(simulated=cost.simulated)

    def _source_of(self, identity: str) -> Source | None:
        found = (_source_for(fetcher) for fetcher in shared_fetchers() if fetcher.client.identity == identity)
        return next(found, None)

    def _writer(self, *, simulated: bool) -> Writer | None:
        try:
            writer = current.writer_for(simulated=simulated)
        except ConfigurationError as error:
            self._say(str(error))
            return None
        if writer is not None and writer is not self._observed:
            self._observed = writer
            self._announcement = _announcement(writer.location)
            writer.observe(self._say)
        return writer

    # -- messages --------------------------------------------------------------------------------------

    def _say(self, problem: str) -> None:
        """Show a problem on every card, or take it back."""
        before, self._problem = self._problem, problem
        if before == problem:
            return
        for fetcher in shared_fetchers():
            # Another notice, such as a budget's, stays.
            if fetcher.notice in {"", before}:
                fetcher.set_message(notice=problem)


def _source_for(fetcher: CreditsFetcher) -> Source | None:
    return source_of(fetcher.client) if isinstance(fetcher.client, EvoLinkClient) else None


def _redact(identity: str, text: str) -> str:
    for fetcher in shared_fetchers():
        if fetcher.client.identity == identity and isinstance(fetcher.client, EvoLinkClient):
            text = fetcher.client.redact(text)
    return _KEY.sub("[key]", text)


def _announcement(location: Location) -> str:
    """Return where a new history is kept, in one line; "" if it isn't new."""
    if location.kind is not Kind.FILE or location.path is None or not location.is_default:
        return ""
    if is_begun(location.path):
        return ""
    return f"Readings and costs are kept in {location.path}; {HISTORY_VARIABLE}=off keeps none."


def _whereabouts(shell: Any) -> Whereabouts:
    # Jupyter's server names the notebook; VS Code tells the code.
    notebook = os.environ.get("JPY_SESSION_NAME") or shell.user_ns.get("__vsc_ipynb_file__") or ""
    return Whereabouts(str(notebook), f"{socket.gethostname()}:{os.getpid()}", _username())


def _username() -> str:
    try:
        return os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (OSError, KeyError):  # this user has no name here, as in some containers
        return ""
