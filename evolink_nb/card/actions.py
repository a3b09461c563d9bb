"""Handles the messages that the views of a live card send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import answers
from .login import AskingForKey

if TYPE_CHECKING:
    from ..polling.fetcher import CreditsFetcher
    from .audience import Audience


class Answering(AskingForKey):
    """A mixin for a widget that answers its views' messages; it must come before the widget's own base class.

    Messages may arrive on a kernel's subshell thread: each is handed over, without waiting for anything.
    """

    fetcher: CreditsFetcher
    _audience: Audience

    def _points(self) -> list[tuple[float, float]]:
        return answers.points(self.fetcher)

    def _on_message(self, _widget: object, content: Any, buffers: Any) -> None:
        action = content.get("action") if isinstance(content, dict) else None
        if action == "refresh":
            self.fetcher.refresh()
            self._answer({"answer": "refresh"})
        elif action == "history":
            self._answer({"answer": "history", "points": self._points(), **answers.times(self.fetcher)})
        elif action == "pause":
            self.fetcher.pause()
        elif action == "resume":
            self.fetcher.resume()
        elif action == "show":
            visible = content.get("visible") is True
            self._audience.report(str(content.get("view")), visible=visible)
            if visible:
                self._answer({"answer": "show", **answers.times(self.fetcher)})
        elif action == "login":
            self._log_in(buffers)
        elif action == "demo":
            self._show_demo()
        elif action == "leave":
            self._audience.leave(str(content.get("view")))

    def _answer(self, content: dict[str, Any]) -> None:
        self.send(content)  # type: ignore[attr-defined] # the widget's own
