"""What does keeping a history add to ``%evolink_credits``?"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import time
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from evolink_nb.demo import DemoServer
from evolink_nb.history.current import current
from evolink_nb.history.location import find_location
from tests.support.environment import account_of

from .ratio import Comparison, alternate

ROUNDS = 60


def measure() -> list[Comparison]:
    """Return the ratio of seconds, once the first write is over."""
    with DemoServer(seed=1) as server, tempfile.TemporaryDirectory() as folder:
        os.environ.update(account_of(server))
        places = [find_location(str(Path(folder) / "history.db")), find_location("off")]
        shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
        shell.run_line_magic("load_ext", "evolink_nb")
        current.use(places[0])
        _seconds(shell)
        current.required_writer().flush(60)

        def with_history() -> float:
            current.use(places[0])
            return _seconds(shell)

        def without() -> float:
            current.use(places[1])
            return _seconds(shell)

        ratios = alternate(with_history, without, rounds=ROUNDS)
        shell.run_line_magic("unload_ext", "evolink_nb")
    return [Comparison("%evolink_credits, kept in a history : not kept  (time)", ratios, 1.1)]


def _seconds(shell: InteractiveShell) -> float:
    begun = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        shell.run_line_magic("evolink_credits", "")
    return time.perf_counter() - begun
