"""What a tracked loop shows in a notebook: HTML, and the line of text that saved notebooks keep. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from html import escape

from ...formatting import counted, format_time


class Stage(Enum):
    """How far a loop has got, in the words shown on its bar."""

    RUNNING = ""
    DONE = "done"
    AT_BUDGET = "stopped at budget"
    UNREADABLE = "stopped: balance not read"
    LEFT = "left early"

    @classmethod
    def of_end(cls, *, is_stopped: bool, is_unread: bool, is_left: bool) -> Stage:
        """Return how a loop has ended.

        Args:
            is_stopped: Whether the loop itself ended before its last item.
            is_unread: Whether the balance could not be read.
            is_left: Whether it was left during an item.
        """
        if is_stopped:
            return cls.UNREADABLE if is_unread else cls.AT_BUDGET
        return cls.LEFT if is_left else cls.DONE


CLASS = "evolink-loop"
# Each has a contrast of at least 3 : 1 on white and on black, and the bar says its stage in words.
_COLOURS = {
    Stage.RUNNING: "#3b82e0",
    Stage.DONE: "#1f9d55",
    Stage.AT_BUDGET: "#c2710c",
    Stage.UNREADABLE: "#e0443e",
    Stage.LEFT: "#7d8590",
}
_STYLE = (
    "font-size: var(--jp-ui-font-size1, 90%); line-height: 1.5; max-width: 60ch; "
    "padding: 2px var(--jp-code-padding, 5px); font-variant-numeric: tabular-nums"
)
_TRACK = (
    "height: 6px; margin: 2px 0; border-radius: 3px; overflow: hidden; "
    "background: color-mix(in srgb, currentColor 15%, transparent)"
)
_QUIET = "color: color-mix(in srgb, currentColor 75%, transparent)"


@dataclass(frozen=True, slots=True)
class LoopView:
    """What a bar shows.

    Attributes:
        name: The loop's name; None if it was given none.
        items: The number of items done.
        length: The number of items; None if unknown.
        progress: How far the loop has got towards its end or its limit, from 0 to 1; None if unknown.
        seconds: How long it has run.
        facts: What is known about its cost.
        stage: The loop's stage.
    """

    name: str | None
    items: int
    length: int | None
    progress: float | None
    seconds: float
    facts: str
    stage: Stage = Stage.RUNNING

    @property
    def count(self) -> str:
        """The items done, as text."""
        if self.length is not None:
            return f"{self.items}/{self.length}"
        return counted(str(self.items), "item")

    def line(self) -> str:
        """Return the view as a line of plain text."""
        name = f"{self.name}: " if self.name else ""
        return f"{name}{' · '.join(filter(None, (self.count, self._time(), self.stage.value, self.facts)))}"

    def html(self) -> str:
        """Return the view as HTML; without styles it is two lines of text."""
        share = 1.0 if self.stage is Stage.DONE else self.progress or 0.0
        name = f'<span style="font-weight: 600">{escape(self.name)}</span> · ' if self.name else ""
        stage = self.stage.value
        said = f' · <span style="font-weight: 600">{stage}</span>' if stage else ""
        value = "" if self.progress is None else f' aria-valuenow="{share * 100:.0f}"'
        bar = (
            f'<div role="progressbar" aria-label="{escape(self.name or "loop")}" aria-valuemin="0"'
            f' aria-valuemax="100"{value} style="{_TRACK}"><div style="height: 100%; width: {share:.1%};'
            f' background: {_COLOURS[self.stage]}"></div></div>'
        )
        return (
            f'<div class="{CLASS}" dir="ltr" data-stage="{self.stage.name.lower()}" style="{_STYLE}">'
            f"<div>{name}{self.count} · {self._time()}{said}</div>{bar}"
            f'<div style="{_QUIET}">{escape(self.facts)}</div></div>'
        )

    def mimebundle(self) -> dict[str, str]:
        """Return the text and the HTML by media type; the front end chooses one."""
        return {"text/plain": self.line(), "text/html": self.html()}

    def _time(self) -> str:
        text = format_time(self.seconds)
        if self.stage is Stage.RUNNING and self.progress and self.progress < 1:
            rest = self.seconds * (1 - self.progress) / self.progress
            text += f", about {format_time(rest)} to go"
        return text
