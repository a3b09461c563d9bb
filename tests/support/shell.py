"""A real IPython shell inside the test's own process, and what its cells show."""

from __future__ import annotations

import atexit
import contextlib
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from evolink_nb.metering.settler import THREAD_NAME
from evolink_nb.notebook.magics import EvoLinkMagics
from evolink_nb.polling.fetcher import CreditsFetcher, shared_fetchers
from tests.support import threads
from tests.support.interrupt import interrupt_main_thread
from tests.support.metered import LINE

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from evolink_nb.notebook.cells import Cells

QUIET = 0.3
"""Seconds for which nothing must move before a cost is believed, in tests."""


@dataclass(frozen=True)
class Shown:
    """What a cell showed: its value, the texts on both streams, displays in nbformat's shape, its error."""

    value: Any
    out: str
    err: str
    displays: list[dict[str, str]]
    error: BaseException | None


class Shell:
    """An IPython shell with the extension loaded, until `close`."""

    def __init__(self, configured: Mapping[str, object]) -> None:
        # The history would be a file and a thread that writes it.
        config = {"HistoryManager": {"enabled": False}, "EvoLinkMagics": dict(configured)}
        self.ip = InteractiveShell.instance(config=Config(config))
        self.ip.run_line_magic("load_ext", "evolink_nb")
        # The simulated account is prompt, and tests are many.
        self.ip.run_line_magic("config", f"EvoLinkMagics.quiet = {QUIET}")

    @property
    def cells(self) -> Cells:
        """What measures its cells."""
        magics = self.ip.magics_manager.registry["EvoLinkMagics"]
        assert isinstance(magics, EvoLinkMagics)
        return magics.commands.spending.cells

    def run(self, source: str, **how: bool) -> Shown:
        """Run a cell in a way that IPython's `run_cell` takes, its error not raised."""
        with capture_output() as captured:
            result = self.ip.run_cell(source, **how)
        displays = [dict(output.data) for output in captured.outputs]
        error = result.error_before_exec or result.error_in_exec
        return Shown(result.result, captured.stdout, captured.stderr, displays, error)

    def bundle(self, value: object) -> dict[str, str]:
        """What a front end is given to show a value with, by media type."""
        assert self.ip.display_formatter is not None
        data, _metadata = self.ip.display_formatter.format(value)
        return dict(data)

    def close(self) -> None:
        self.ip.run_line_magic("unload_ext", "evolink_nb")
        assert self.ip.ast_transformers == []
        self.ip.restore_sys_module_state()
        # It would keep the shell alive, and collect garbage at the exit once for every test.
        atexit.unregister(self.ip.atexit_operations)
        InteractiveShell.clear_instance()


@contextlib.contextmanager
def open_shell(configured: Mapping[str, object] | None = None, **names: object) -> Iterator[Shell]:
    """A shell with the extension, configured so, and these names; its cells leave everything as it was."""
    shell = Shell(configured or {})
    shell.ip.user_ns.update(names)
    before = signal.getsignal(signal.SIGINT)
    try:
        yield shell
        assert signal.getsignal(signal.SIGINT) is before
        assert shell.ip.custom_exceptions == ()
    finally:
        shell.close()


def cost_line(shown: Shown) -> str:
    """The line under a cell: the last that it printed."""
    return shown.out.strip().splitlines()[-1]


def settled(shell: Shell, source: str) -> Shown:
    """Run a metered cell, and wait until its cost has settled."""
    shown = shell.run(f"{LINE} --settle 30\n{source}")
    assert shown.error is None
    return shown


def nothing_settles() -> bool:
    """Whether no cost is being settled."""
    return not threads.running(THREAD_NAME)


def the_fetcher() -> CreditsFetcher:
    """The one that reads the simulated account."""
    [fetcher] = shared_fetchers()
    return fetcher


@contextlib.contextmanager
def interrupted_at_its_reading(server: DemoServer) -> Iterator[None]:
    """Interrupt, as the user does, what runs inside once it waits for the balance."""
    before = server.requests_seen["/v1/credits"]

    def interrupt() -> None:
        server.wait_for_requests(before + 1)
        interrupt_main_thread()

    thread = threading.Thread(target=interrupt)
    thread.start()
    yield
    thread.join()
