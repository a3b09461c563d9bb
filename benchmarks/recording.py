"""What does keeping a history add to ``%evolink_credits``?

Every reading differs from the one before, so each is kept. The history is on for some readings and then off
for as many, in turn; the first of each, which opens the file and its connection, isn't timed.
"""

from __future__ import annotations

import contextlib
import io
import os
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from evolink_nb.history.current import current
from evolink_nb.history.storage.location import find_location

from .busy import quiet_and_busy
from .ratio import Comparison, alternate, part
from .simulated import simulated_api

if TYPE_CHECKING:
    from evolink_nb.history.storage.location import Location

    from .simulated import SimulatedApi

ROUNDS = 20
READS = 10
MAX_RATIO = 1.1
SECONDS_TO_WRITE = 60.0


def measure(share: float = 1.0) -> list[Comparison]:
    """Return the ratios of seconds."""
    before = dict(os.environ)
    with simulated_api() as server, tempfile.TemporaryDirectory() as folder:
        os.environ.update(server.environment)
        shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
        shell.run_line_magic("load_ext", "evolink_nb")
        kept, off = (
            partial(_seconds, shell, server, find_location(place))
            for place in (str(Path(folder) / "history.db"), "off")
        )
        try:
            return quiet_and_busy(
                "`%evolink_credits`, kept in a history ÷ not kept (time)",
                lambda: alternate(kept, off, rounds=part(ROUNDS, share)),
                target=MAX_RATIO,
                busy_target=MAX_RATIO,
                name="recording",
            )
        finally:
            shell.run_line_magic("unload_ext", "evolink_nb")
            current.use(None)
            for name in server.environment:
                os.environ.pop(name)
            os.environ.update(before)


def _seconds(shell: InteractiveShell, server: SimulatedApi, place: Location) -> float:
    """Return the seconds of the middle one of several readings."""
    current.use(place)
    _read(shell, server)
    writer = current.writer()
    if writer is not None:
        writer.flush(SECONDS_TO_WRITE)
    return statistics.median(_read(shell, server) for _ in range(READS))


def _read(shell: InteractiveShell, server: SimulatedApi) -> float:
    server.spend()
    begun = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        shell.run_line_magic("evolink_credits", "")
    return time.perf_counter() - begun
