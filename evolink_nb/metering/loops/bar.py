"""The bar of a tracked loop, and the lines above it. The only module that uses tqdm, for terminals."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any, TextIO

from ...formatting import counted, may_style
from ...runtime import HAS_THREADS
from .output import LoopOutput, notebook_shell
from .text import Fact, encodable, joined
from .view import LoopView, Stage

# tqdm's own format without the items per second: their cost takes that space.
_BAR = "{l_bar}{bar}| {count} [{elapsed}<{remaining}{postfix}]"
_STEPS = 1000
"""The total passed to tqdm, whose bar moves with the items or with the budget."""
MIN_BAR = 10
"""The columns reserved for the bar itself."""
_COLOURS = {Stage.DONE: "green", Stage.AT_BUDGET: "yellow", Stage.UNREADABLE: "red"}


class LoopBar:
    """One bar; its text says what is known about the cost."""

    def __init__(self, *, name: str | None, length: int | None, redraw: float) -> None:
        """Prepare a bar for `show`.

        Args:
            name: The text before the bar; None for nothing.
            length: The number of items; None if unknown.
            redraw: The shortest time between two redraws that aren't forced, in seconds.
        """
        self._name = name
        self._length = length
        self._redraw = redraw
        self._begun_at = time.monotonic()
        self._shown_at: float | None = None
        self._items = 0
        self._progress: float | None = None
        shell = notebook_shell()
        self._output = None if shell is None else LoopOutput(shell)
        self._bar: Any = None

    @property
    def is_due(self) -> bool:
        """Whether the text may change again."""
        return self._shown_at is None or time.monotonic() - self._shown_at >= self._redraw

    def show(
        self,
        facts: Sequence[Fact],
        *,
        items: int | None = None,
        progress: float | None = None,
        now: bool = False,
    ) -> None:
        """Show how far the loop has got.

        Args:
            facts: What is known about its cost.
            items: The number of items done; None for no change.
            progress: How far the loop has got towards its end or its limit, from 0 to 1; None if unknown, or
                for no change.
            now: Whether to redraw at once.
        """
        self._items = self._items if items is None else items
        if progress is not None:
            self._progress = max(progress, self._progress or 0.0)
        if self._output is None:
            self._draw(facts, now=now)
        elif now or self.is_due:
            self._shown_at = time.monotonic()
            self._output.show(self._view(facts, Stage.RUNNING))

    def close(self, facts: Sequence[Fact], stage: Stage) -> None:
        """Show the bar's final state.

        Args:
            facts: What is known about the loop's cost.
            stage: How the loop ended.
        """
        if self._output is not None:
            self._output.show(self._view(facts, stage))
            return
        if stage is Stage.DONE and self._progress is not None:
            self._progress = 1.0  # the number of items was not known before
        if stage in {Stage.AT_BUDGET, Stage.UNREADABLE}:
            facts = (Fact(stage.value), *facts)
        self._draw(facts)
        if stage in _COLOURS and may_style(sys.stderr):
            self._bar.colour = _COLOURS[stage]
        self._bar.close()

    def _view(self, facts: Sequence[Fact], stage: Stage) -> LoopView:
        seconds = time.monotonic() - self._begun_at
        return LoopView(self._name, self._items, self._length, self._progress, seconds, joined(facts), stage)

    # -- in a terminal ---------------------------------------------------------------------------------

    def _draw(self, facts: Sequence[Fact], *, now: bool = False) -> None:
        self._shown_at = time.monotonic()
        text = encodable(joined(facts, self._text_width()), sys.stderr)
        count = f"{self._items}/{self._length}" if self._length else counted(str(self._items), "item")
        if self._bar is None:
            self._bar = self._new_bar(text, count)
        self._bar.count = count
        self._bar.set_postfix_str(text, refresh=False)
        n = self._items if self._progress is None else round(self._progress * _STEPS)
        self._bar.update(n - self._bar.n)
        if now:
            self._bar.refresh()

    def _new_bar(self, text: str, count: str) -> Any:
        is_scaled = self._progress is not None
        return _tqdm(count)(
            desc=self._name,
            total=_STEPS if is_scaled else None,
            bar_format=_BAR if is_scaled else None,
            postfix=text,
            unit=" items",
            miniters=0,
            dynamic_ncols=True,
        )

    def _text_width(self) -> int | None:
        """Return how many columns the text next to the bar may use in a terminal; None for a file."""
        if not (sys.stderr and sys.stderr.isatty()):
            return None
        name = len(self._name) + 2 if self._name else 0
        frame = len(f"100%|| {self._length or ''}/{self._length or ''} [00:00<00:00, ]")
        return shutil.get_terminal_size().columns - name - frame - MIN_BAR


def write_line(line: str, stream: TextIO | None = None) -> None:
    """Print a line above any bars on the screen.

    Args:
        line: The line.
        stream: Where to print it; standard output by default.
    """
    stream = stream or sys.stdout
    if notebook_shell() is None:
        _tqdm().write(encodable(line, stream), file=stream)
    else:
        print(line, file=stream)


def _tqdm(first_count: str = "") -> Any:
    """Return the tqdm class for this front end, with our own count of items."""
    from tqdm.auto import tqdm  # noqa: PLC0415 - it imports widgets, and only loops use it

    class Bar(tqdm):  # type: ignore[type-arg]  # whatever suits the front end
        if not HAS_THREADS:
            monitor_interval = 0  # it has a thread
        count = first_count

        @property
        def format_dict(self) -> dict[str, Any]:
            return {**super().format_dict, "count": self.count}

    return Bar
