"""Has a process's readings and costs kept in the history, and says where, and what goes wrong.

Of a kernel that has loaded the extension; of a program only where the user chose the place, or has set a
budget that outlives it.
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
from .ledger import KeptLedger, Origin
from .other_kernels import RecordedKernels

if TYPE_CHECKING:
    from ...history.storage.location import Location
    from ...history.storage.writer import Writer
    from ...history.tables.records import Source
    from ...metering.cost import Cost

EXTENSION = "EvoLinkMagics"
"""What IPython knows the loaded extension as."""
_KEY = re.compile(r"\bsk-[\w-]{4,}")
EXIT_SECONDS = 10.0
"""Seconds that a script waits, at its end, for what is still to be written."""
_STOP_SECONDS = 1.0
"""Seconds that unloading waits for what is still to be written."""


class Recording:
    """Keeps what the shared fetchers read, and what the ledger in use records.

    The demo account is kept only where the user has chosen the place.
    """

    def __init__(self, kernel: str) -> None:
        """Begin to keep.

        Args:
            kernel: What the history is to call this kernel.
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
        """Say once, under the cell that began it, where the history is kept."""
        if self._announcement:
            print(self._announcement, file=sys.stderr)
            self._announcement = ""

    def stop(self) -> None:
        """Keep nothing further; what is known is written."""
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
        handler(None)  # what it has read before

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


class Recordings:
    """The recording of this process, begun when it is first needed."""

    def __init__(self) -> None:
        """Begin none yet."""
        self._lock = threading.RLock()
        self._current: Recording | None = None
        # A container that is started again may give its kernels the numbers of earlier ones.
        self._kernel = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        forget_after_fork(self)

    def begin(self) -> Recording:
        """Return the recording, which keeps what comes from now on."""
        with self._lock:
            if self._current is None:
                self._current = Recording(self._kernel)
            return self._current

    def begin_if_kept(self) -> None:
        """Begin if work is to be kept that no magic measures."""
        if self._current is None and (_has_extension() or _is_chosen()):
            self.begin()
            if _shell() is None:
                # A script may end before anything has been written, and nothing ends it by force.
                atexit.register(write_all)

    def end(self) -> None:
        """Keep nothing further; what is known is written."""
        with self._lock:
            recording, self._current = self._current, None
        if recording is not None:
            recording.stop()

    def after_fork(self) -> None:
        """Keep nothing of a forked child's."""
        self._lock = threading.RLock()


recordings = Recordings()
"""This process's."""


def write_all() -> None:
    """Write what a script has measured, at its end, or say that it isn't kept."""
    try:
        writer = current.writer()
    except ConfigurationError as error:
        problem = str(error)
    else:
        if writer is None or writer.flush(EXIT_SECONDS):
            return
        problem = writer.problem or f"{writer.location.shown} did not answer within {EXIT_SECONDS:g} s."
    print(f"What this script measured is not all in the history: {problem}", file=sys.stderr)


def _has_extension() -> bool:
    shell = _shell()
    return shell is not None and EXTENSION in shell.magics_manager.registry


def _is_chosen() -> bool:
    """Return whether the user has said where the history is kept: a program leaves no file unasked."""
    try:
        location = current.location
    except ConfigurationError:  # begun, the recording says so
        return True
    return not location.is_default and location.kind is not Kind.OFF


def _shell() -> Any:
    """Return IPython's shell; None where there is none."""
    ipython = sys.modules.get("IPython")
    find = getattr(ipython, "get_ipython", None)
    return None if find is None else find()


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


def _origin(kernel: str) -> Origin:
    shell = _shell()
    # Jupyter's server names the notebook; VS Code tells the code.
    names = shell.user_ns if shell is not None else vars(sys.modules["__main__"])
    notebook = os.environ.get("JPY_SESSION_NAME") or names.get("__vsc_ipynb_file__") or ""
    if shell is None and not notebook:
        notebook = names.get("__file__") or ""
    return Origin(str(notebook), kernel, _username())


def _username() -> str:
    try:
        return os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (OSError, KeyError):  # this user has no name here, as in some containers
        return ""
