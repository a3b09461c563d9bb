"""Runs a kernel on a server with faults and on a clock that jumps, and counts what it holds."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]

from evolink_nb.demo import Account, DemoServer
from tests.support.environment import account_of, isolated_environment
from tests.support.kernel import Kernel
from tests.support.wall_clock import IS_POSSIBLE, WallClock

from .cells import AT_REST, CELLS, COUNT, EXPECTED, SETUP, STUCK, Sample

if TYPE_CHECKING:
    from evolink_nb.demo.faults import FaultFields

MAX_END = 3.0
"""Seconds that unloading may take, and that the kernel's end may."""
DAY = 86_400
FAULTS: tuple[FaultFields, ...] = (
    {"status": 500, "times": 2},
    {"status": 503, "retry_after": 0.2, "times": 2},
    {"status": 429, "retry_after": 0.3, "times": 3},
    {"status": 403, "body": "html", "times": 1},
    {"latency": 0.5, "times": 3},
    {"body": "cut", "times": 2},
    {"body": "huge", "times": 1},
    {"body": "slow", "times": 1, "latency": 0.1},
    {"connection": "close", "times": 2},
    {"connection": "reset", "times": 2},
    {"connection": "refuse", "seconds": 0.3},
)


@dataclass
class Report:
    """What a soak has found.

    Attributes:
        samples: What the kernel held, in the order of time.
        runs: How often each cell was run.
        problems: What went wrong that should not have: a cell's name and its error.
        endings: Seconds that unloading and the kernel's end took.
    """

    samples: list[Sample] = field(default_factory=list)
    runs: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    endings: dict[str, float] = field(default_factory=dict)


class Soak:
    """One kernel, run for a while."""

    def __init__(self, kernel: Kernel, server: DemoServer, clock: WallClock | None, seed: int) -> None:
        self.report = Report()
        self._kernel = kernel
        self._server = server
        self._clock = clock
        self._draw = random.Random(seed)  # noqa: S311 - the same soak again, not secrecy
        self._began = time.monotonic()
        self._process: Any = None

    def prepare(self) -> None:
        """Load the extension, and begin to read."""
        # Cells are run far faster than accounts come to rest.
        for source in ("%load_ext evolink_nb\n%config EvoLinkMagics.quiet = 0.3", SETUP, AT_REST):
            self._run("the set-up", source)
        self._process = psutil.Process(int(self._kernel.run("print(os.getpid())").text))

    def turn(self) -> None:
        """Run every cell once, in any order, while things go wrong."""
        names = list(CELLS)
        self._draw.shuffle(names)
        for name in names:
            self._disturb()
            self.report.runs[name] = self.report.runs.get(name, 0) + 1
            self._run(name, CELLS[name])
        self._server.clear_faults()
        self._server.account.top_up(100)
        # Tracked cells that follow one another wait for a reading together.
        self._run("a long cell", "time.sleep(0.5)")
        self._run("no more tracked cells", CELLS["no tracked cells"])
        self.sample()

    def sample(self) -> None:
        """Count what the kernel holds."""
        counted = self._kernel.run(COUNT).text
        seconds = time.monotonic() - self._began
        memory, handles = self._process.memory_info().rss, self._process.num_fds()
        self.report.samples.append(Sample.of(counted, seconds=seconds, memory=memory, handles=handles))

    def end(self) -> None:
        """Unload the extension and end the kernel, with an observer that never returns."""
        self._run("an observer that stays", STUCK)
        endings: dict[str, Callable[[], object]] = {
            "unloading": lambda: self._run("unloading", "%unload_ext evolink_nb"),
            "the kernel's end": self._kernel.end,
        }
        for name, end in endings.items():
            began = time.monotonic()
            end()
            self.report.endings[name] = time.monotonic() - began

    def _run(self, name: str, source: str) -> None:
        error = self._kernel.run(source, cell=name).error
        if error is not None and error["ename"] not in EXPECTED:
            self.report.problems.append(f"{name}: {error['ename']}: {error['evalue']}")

    def _disturb(self) -> None:
        if self._draw.random() < 0.4:
            self._server.fault(**self._draw.choice(FAULTS))
        if self._clock is not None and self._draw.random() < 0.3:
            self._clock.shift(self._draw.choice((-400 * DAY, -5 * DAY, -60, 0, 3600, 30 * DAY)))


def soak(turns: Callable[[Report], bool], *, seed: int) -> Report:
    """Soak a kernel, and return what that brought.

    Args:
        turns: Called before each turn; whether there is another.
        seed: Determines the order of cells, and what goes wrong.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="evolink-nb-soak-")))
        server = stack.enter_context(DemoServer(Account(seed=seed, settle_after=(0.05, 0.3))))
        clock = WallClock(folder) if IS_POSSIBLE else None
        environment = isolated_environment(folder) | account_of(server)
        environment |= {} if clock is None else clock.environment
        kernel = stack.enter_context(Kernel(environment, folder / "kernel.log"))
        soaked = Soak(kernel, server, clock, seed)
        soaked.prepare()
        while turns(soaked.report):
            soaked.turn()
        soaked.end()
        return soaked.report
