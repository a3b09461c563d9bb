"""`CreditsWidget`: the card, live; synced traits bound to a fetcher. The only room that knows anywidget."""

from __future__ import annotations

import inspect
import threading
from datetime import datetime
from typing import Any

import anywidget
from traitlets import Bool, Float, Instance, TraitType, Unicode

from . import card, settings
from .client import EvoLinkClient
from .fetcher import CreditsFetcher

FIRST_READING = 2.0
"""Seconds that showing a card waits for its first reading at most."""


def _to_milliseconds(moment: datetime | None, _widget: object) -> float | None:
    return None if moment is None else round(moment.timestamp() * 1000)


def _synced(trait: TraitType[Any, Any], **metadata: Any) -> Any:
    return trait.tag(sync=True, **metadata)


class CreditsWidget(anywidget.AnyWidget):
    """The balance as a live card. Its traits follow a fetcher's and can be linked to anything else.

    Amounts are credits, as floats, None before the first reading; the exact ``Decimal``s are in
    ``widget.fetcher.credits``. ``interval`` is in seconds, ``warn_below`` in credits.
    """

    _esm = card.STATIC / "card.js"
    _css = card.STATIC / "card.css"
    _template = _synced(Unicode())

    token_remaining = _synced(Float(None, allow_none=True))
    token_used = _synced(Float(None, allow_none=True))
    token_unlimited = _synced(Bool(False))
    user_remaining = _synced(Float(None, allow_none=True))
    user_used = _synced(Float(None, allow_none=True))
    binding = _synced(Unicode())
    level = _synced(Unicode("ok"))
    simulated = _synced(Bool(False))
    status = _synced(Unicode("loading"))
    message = _synced(Unicode())
    updated_at = _synced(Instance(datetime, allow_none=True), to_json=_to_milliseconds)
    interval = _synced(Float(settings.INTERVAL))
    warn_below = Float(None, allow_none=True, help="Credits below which the card says that they run low.")

    _attached = False

    def __init__(
        self,
        fetcher: CreditsFetcher | None = None,
        *,
        interval: float = settings.INTERVAL,
        warn_below: float | None = None,
    ) -> None:
        """Follow ``fetcher``, or this process's shared one for the key that `settings` finds.

        Raises `ConfigurationError` when there is no fetcher and no key.
        """
        # Not an attribute that ipywidgets would look for among the traits: it is not synced.
        self.fetcher = fetcher or CreditsFetcher.shared(EvoLinkClient(), interval)
        self._following = threading.RLock()
        super().__init__(_template=card.render_live_html(), warn_below=warn_below, interval=interval)
        self.on_msg(self._on_message)
        self.observe(self._follow, "warn_below")
        self.fetcher.observe(self._follow, "revision")
        self.fetcher.observe(self._follow, "interval")
        self.fetcher.attach(self, interval)
        self._attached = True
        self._follow()

    def refresh(self) -> None:
        """Ask for a reading now; it joins one under way."""
        self.fetcher.refresh()

    def close(self) -> None:
        """Take the card away; the last one of a key to close ends its fetcher's thread."""
        # Also called for a card that was closed before, or never came to be for want of a key.
        if self._attached:
            self._attached = False
            self.fetcher.unobserve(self._follow, "revision")
            self.fetcher.unobserve(self._follow, "interval")
            self.fetcher.detach(self)
        super().close()

    def open(self) -> None:
        """Open the channel to the front end, so that its messages are handled beside a running cell."""
        super().open()
        _answer_beside_a_running_cell(self.comm)

    def _follow(self, _change: object = None) -> None:
        """Take over what the fetcher holds, as one message to the front end."""
        fetcher = self.fetcher
        # Called from the fetcher's thread and from the kernel's; ipywidgets' hold_sync knows no threads.
        with self._following, self.hold_sync():
            credits = fetcher.credits
            if credits is not None:
                self.token_remaining = float(credits.token.remaining)
                self.token_used = float(credits.token.used)
                self.token_unlimited = credits.token.unlimited
                self.user_remaining = float(credits.user.remaining)
                self.user_used = float(credits.user.used)
                self.binding = credits.binding
                self.level = card.level_of(credits, self.warn_below)
                self.simulated = credits.simulated
            self.interval = fetcher.interval
            self.message = "" if fetcher.error is None else str(fetcher.error)
            self.updated_at = fetcher.updated_at
            self.status = fetcher.status

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:
        # May run on a kernel's subshell thread: hand over and return.
        if isinstance(content, dict) and content.get("action") == "refresh":
            self.refresh()
            self.send({"answer": "refresh"})

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Give the live view, and beside it what is readable where no widget runs: the reading now."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        if data is None:
            return bundle
        fetcher = self.fetcher
        # What is shown now is what a saved notebook holds: worth a moment for the first reading.
        fetcher.wait(FIRST_READING)
        readable = card.mimebundle(
            fetcher.credits,
            status="paused" if fetcher.error is None else fetcher.status,
            message="" if fetcher.error is None else str(fetcher.error),
            warn_below=self.warn_below,
        )
        return {**data, **readable}, metadata


def _answer_beside_a_running_cell(comm: Any) -> None:
    """Keep ipykernel from queueing the front end's messages behind the running cell.

    JupyterLab sends them to a subshell of the kernel, but ipykernel 7.4 routes each to the shell that
    last published on the comm, for a widget made in a cell the busy one. This lets the front end's own
    choice stand. The name is private to ipykernel (``ipykernel/comm/comm.py``): where it is gone or
    takes other arguments nothing is touched, and the button waits for the cell as other widgets' do.
    """
    route = getattr(comm, "_reply_subshell_for", None)
    try:
        arguments = list(inspect.signature(route).parameters) if route is not None else []
    except (TypeError, ValueError):
        arguments = []
    if arguments == ["data", "default"]:
        comm._reply_subshell_for = lambda data, default: default  # noqa: ARG005 - ipykernel's names
