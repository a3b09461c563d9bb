"""Keeps this process's readings and costs in the history; reports where they are kept, and failures.

A kernel keeps them once it has loaded the extension; a program only if the user has chosen the place, or has
set a budget that outlives it.
"""

from __future__ import annotations

import atexit
import getpass
import os
import re
import secrets
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ...api.client import EvoLinkClient
from ...errors import ConfigurationError
from ...history.current import current
from ...history.sharing.sharing import source_of
from ...history.storage.location import HISTORY_VARIABLE, Kind
from ...history.storage.places import is_begun
from ...metering import ledger
from ...metering.other_kernels import other_kernels
from ...polling.fetcher import CreditsFetcher, shared_fetchers, watch_shared
from ...runtime import forget_after_fork
from ..current_shell import find_extension, find_shell
from .ledger import KeptLedger, Origin
from .other_kernels import RecordedKernels

if TYPE_CHECKING:
    from ...history.storage.location import Location
    from ...history.storage.writer import Writer
    from ...history.tables.records import Source
    from ...metering.cost import Cost

_KEY = re.compile(r"\bsk-[\w-]{4,}")
EXIT_SECONDS = 10.0
"""Seconds that a script waits at its end for pending writes."""
_STOP_SECONDS = 1.0
"""Seconds that unloading waits for pending writes."""


class Recording:
    """Keeps the readings of the shared fetchers, and the entries of the ledger in use.

    Those of the demo account are kept only if the user has chosen the place.
    """

    def __init__(self, kernel: str) -> None:
        """Start keeping them.

        Args:
            kernel: This kernel's name in the history.
        """
        self._followed: dict[CreditsFetcher, Callable[[Any], None]] = {}
        self._observed: Writer | None = None
        self._problem = self._announcement = ""
        inner, origin = ledger.current(), _origin(kernel)
        self._ledger = KeptLedger(inner, self._writer_of, self._source_of, _redact, origin)
        ledger.use(self._ledger)
        other_kernels.use(RecordedKernels(lambda simulated: self._writer(simulated=simulated), origin.kernel))
        self._unwatch = watch_shared(self._follow)

    def at_cell_end(self) -> None:
        """Print where a new history is kept, once, under the cell that started it."""
        if self._announcement:
            print(self._announcement, file=sys.stderr)
            self._announcement = ""

    def stop(self) -> None:
        """Stop keeping readings and costs; those already known are written."""
        self._unwatch()
        other_kernels.use(None)
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
        handler(None)  # for the reading that it already has

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
        """Show a problem on every card; an empty text removes the last one."""
        before, self._problem = self._problem, problem
        if before == problem:
            return
        for fetcher in shared_fetchers():
            # Another notice, such as a budget's, stays.
            if fetcher.notice in {"", before}:
                fetcher.set_message(notice=problem)


class Recordings:
    """Holds the recording of this process, which is started when first needed."""

    def __init__(self) -> None:
        """Start without a recording."""
        self._lock = threading.RLock()
        self._current: Recording | None = None
        # Random too: a restarted container may reuse the process ids of earlier kernels.
        self._kernel = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        forget_after_fork(self)

    def begin(self) -> Recording:
        """Return the recording; start it if there is none."""
        with self._lock:
            if self._current is None:
                self._current = Recording(self._kernel)
            return self._current

    def begin_if_kept(self) -> None:
        """Start the recording if work that no magic measures is to be kept too."""
        if self._current is None and (find_extension() is not None or _is_chosen()):
            self.begin()
            if find_shell() is None:
                # A script may end before anything has been written; nothing kills it while it waits.
                atexit.register(write_all)

    def end(self) -> None:
        """Stop the recording, if any; readings and costs already known are written."""
        with self._lock:
            recording, self._current = self._current, None
        if recording is not None:
            recording.stop()

    def after_fork(self) -> None:
        """Replace the lock, which a thread of the parent may hold."""
        self._lock = threading.RLock()


recordings = Recordings()
"""The one instance in this process."""


def write_all() -> None:
    """Write what a script has measured, at its end, or print that not all of it is kept."""
    try:
        writer = current.writer()
    except ConfigurationError as error:
        problem = str(error)
    else:
        if writer is None or writer.flush(EXIT_SECONDS):
            return
        problem = writer.problem or f"{writer.location.shown} did not answer within {EXIT_SECONDS:g} s."
    print(f"What this script measured is not all in the history: {problem}", file=sys.stderr)


def _is_chosen() -> bool:
    """Return whether the user has chosen where the history is kept: a program creates no file unasked."""
    try:
        location = current.location
    except ConfigurationError:  # the recording reports it once it has started
        return True
    return not location.is_default and location.kind is not Kind.OFF


def _source_for(fetcher: CreditsFetcher) -> Source | None:
    return source_of(fetcher.client) if isinstance(fetcher.client, EvoLinkClient) else None


def _redact(identity: str, text: str) -> str:
    for fetcher in shared_fetchers():
        if fetcher.client.identity == identity and isinstance(fetcher.client, EvoLinkClient):
            text = fetcher.client.redact(text)
    return _KEY.sub("[key]", text)


def _announcement(location: Location) -> str:
    """Return one line that says where a new history is kept; "" if it isn't new."""
    if location.kind is not Kind.FILE or location.path is None or not location.is_default:
        return ""
    if is_begun(location.path):
        return ""
    return f"Readings and costs are kept in {location.path}; {HISTORY_VARIABLE}=off keeps none."


def _origin(kernel: str) -> Origin:
    shell = find_shell()
    # Jupyter's server passes the notebook's path in the environment, VS Code in the user's namespace.
    names = shell.user_ns if shell is not None else vars(sys.modules["__main__"])
    notebook = os.environ.get("JPY_SESSION_NAME") or names.get("__vsc_ipynb_file__") or ""
    if shell is None and not notebook:
        notebook = names.get("__file__") or ""
    return Origin(str(notebook), kernel, _username())


def _username() -> str:
    try:
        return os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (OSError, KeyError):  # in some containers the user has no name
        return ""
