"""The tqdm bar of a tracked loop, and the lines above it. The only module that knows tqdm."""

from __future__ import annotations

import sys
import time
from typing import Any

from ..runtime import HAS_THREADS
from .loop_text import encodable

# tqdm's own format, except for the items per second: that space is for their cost.
_BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"


class LoopBar:
    """One bar; its text is what is known of the cost."""

    def __init__(self, *, name: str | None, length: int | None, text: str, redraw: float) -> None:
        """Show the bar.

        Args:
            name: What stands before it; None for nothing.
            length: The number of items; None if unknown.
            text: The text after it.
            redraw: The shortest time between two changes of the text that aren't due now, in seconds.
        """
        self._redraw = redraw
        self._shown_at = 0.0
        self._bar: Any = _tqdm()(
            desc=name,
            total=length,
            bar_format=_BAR if length else None,
            postfix=encodable(text, sys.stderr),
            unit=" items",
        )

    @property
    def is_due(self) -> bool:
        """Whether its text may change again."""
        return time.monotonic() - self._shown_at >= self._redraw

    def set_text(self, text: str, *, refresh: bool = False) -> None:
        """Change the text after the bar.

        Args:
            text: The text.
            refresh: Whether to draw it at once, rather than with the next item.
        """
        self._shown_at = time.monotonic()
        self._bar.set_postfix_str(encodable(text, sys.stderr), refresh=refresh)

    def advance_to(self, items: int) -> None:
        """Show how many items are done.

        Args:
            items: Their number.
        """
        self._bar.update(items - self._bar.n)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


def write_line(line: str) -> None:
    """Print a line above any bars on the screen.

    Args:
        line: The line.
    """
    _tqdm().write(encodable(line, sys.stdout))


def _tqdm() -> Any:
    """Return the tqdm class that suits this front end."""
    from tqdm.auto import tqdm  # noqa: PLC0415 - it imports widgets, and only loops use it

    return tqdm if HAS_THREADS else type(tqdm.__name__, (tqdm,), {"monitor_interval": 0})  # it has a thread
