"""A pending clear is held back, so that the line under a cell doesn't set it off."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.notebook.held_clear import HeldClear

if TYPE_CHECKING:
    import pytest

CELL, OTHER = {"msg_id": "cell"}, {"msg_id": "other"}
STEPS = ("print", "display", "clear", "clear soon", "comm", "update", "other")


@dataclass
class FrontEnd:
    """A session whose messages are shown as notebooks show them: the outputs of one cell."""

    outputs: list[str] = field(default_factory=list)
    is_clear_pending: bool = False

    def send(self, _stream: object, message: Any, content: Any = None, parent: Any = None) -> None:
        if isinstance(message, dict):
            content, parent = message["content"], message["parent_header"]
            message = message["header"]["msg_type"]
        if parent != CELL:
            return
        if message == "clear_output":
            self.is_clear_pending = content["wait"]
            self.outputs = self.outputs if content["wait"] else []
        elif message in {"stream", "display_data"}:
            self.outputs = [*([] if self.is_clear_pending else self.outputs), content["shown"]]
            self.is_clear_pending = False


def publisher(session: Any) -> Any:
    return SimpleNamespace(session=session, parent_header=CELL)


def do(session: Any, step: str, number: int) -> None:
    """Send what a step of a user's cell sends, in both of the ways in which kernels do."""
    shown = {"shown": f"{step} {number}"}
    match step:
        case "print":
            session.send(None, "stream", shown, CELL)
        case "display":
            session.send(
                None,
                {"header": {"msg_type": "display_data"}, "content": shown, "parent_header": CELL},
            )
        case "clear" | "clear soon":
            session.send(None, "clear_output", {"wait": step == "clear soon"}, CELL)
        case "comm":
            session.send(None, "comm_msg", {"data": {"state": {"value": 1}}}, CELL)
        case "update":
            session.send(None, "update_display_data", shown, CELL)
        case _:
            session.send(None, "stream", shown, OTHER)


@given(st.lists(st.sampled_from(STEPS)))
def test_cell_shows_what_it_shows_without_us(steps: list[str]) -> None:
    bare, ours = FrontEnd(), FrontEnd()
    held = HeldClear(publisher(ours))
    held.start()
    for number, step in enumerate(steps):
        do(bare, step, number)
        do(ours, step, number)
    with held.stop():
        ours.send(None, "display_data", {"shown": "line"}, CELL)
    assert ours.outputs == [*bare.outputs, "line"]
    # An output that comes later still finds the clear pending.
    assert ours.is_clear_pending == bare.is_clear_pending
    assert "send" not in vars(ours) or ours.send == held._send


@given(st.lists(st.sampled_from(STEPS)), st.lists(st.sampled_from(STEPS)))
def test_cells_within_cells_hold_their_own(outer: list[str], inner: list[str]) -> None:
    bare, ours = FrontEnd(), FrontEnd()
    around, within = HeldClear(publisher(ours)), HeldClear(publisher(ours))
    around.start()
    for step in outer:
        do(bare, step, 0)
        do(ours, step, 0)
    within.start()
    for step in inner:
        do(bare, step, 1)
        do(ours, step, 1)
    for held in (within, around):
        with held.stop():
            pass
    assert (ours.outputs, ours.is_clear_pending) == (bare.outputs, bare.is_clear_pending)


def test_output_widget_gets_its_own_clear() -> None:
    """What follows in the widget must not be cleared for it, and the other way round."""
    sent: list[str] = []
    session = SimpleNamespace(send=lambda _stream, kind, *_: sent.append(kind))
    held = HeldClear(publisher(session))
    held.start()
    session.send(None, "clear_output", {"wait": True}, CELL)
    session.send(None, "comm_msg", {"data": {"state": {"msg_id": "cell"}}}, CELL)
    with held.stop() as is_pending:
        pass
    assert sent == ["clear_output", "comm_msg"]
    assert not is_pending


def test_unsent_print_comes_before_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    session = FrontEnd()
    held = HeldClear(publisher(session))
    held.start()
    do(session, "print", 1)
    do(session, "clear soon", 2)
    # A kernel's stream sends what was printed when it is flushed.
    stream = SimpleNamespace(flush=lambda: do(session, "print", 3))
    monkeypatch.setattr(sys, "stdout", stream)
    with held.stop() as is_pending:
        pass
    monkeypatch.undo()
    assert session.outputs == ["print 3"]
    assert not is_pending


def test_failing_line_loses_no_clear() -> None:
    session = FrontEnd()
    held = HeldClear(publisher(session))
    held.start()
    do(session, "clear soon", 1)
    with contextlib.suppress(RuntimeError), held.stop():
        raise RuntimeError
    assert session.is_clear_pending
