"""A real widget that follows a real fetcher of a real server, on a clock that needs no waiting."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from evolink_nb.api.client import EvoLinkClient
from evolink_nb.card.login import keyless_fetcher
from evolink_nb.card.widget import CreditsWidget
from evolink_nb.demo import Account, DemoServer
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from datetime import datetime

    from evolink_nb.credits import Credits

INTERVAL = 15.0


class TimedClient:
    """The real client, but its readings bear the clock's time, and the mark of the demo only if wanted."""

    def __init__(self, client: EvoLinkClient, clock: FakeClock, *, simulated: bool) -> None:
        self.identity = client.identity
        self.close = client.close
        self._client = client
        self._clock = clock
        self._simulated = simulated

    def get_credits(self) -> Credits:
        """Ask the server for a reading."""
        credits = self._client.get_credits()
        return replace(credits, read_at=self._clock.now(), simulated=self._simulated)


class RecordingWidget(CreditsWidget):
    """A widget that keeps what it sends, as there is no front end to take it."""

    def send(self, content: Any, buffers: Any = None) -> None:
        """Keep a message."""
        self.__dict__.setdefault("answers", []).append(content)
        super().send(content, buffers)


class Simulation:
    """A simulated account, its server, and a card that reads it every `INTERVAL` seconds.

    ``fault`` is switched on before the first request; ``settings`` are the widget's.
    """

    def __init__(
        self,
        account: Account | None = None,
        *,
        fault: dict[str, Any] | None = None,
        simulated: bool = False,
        **settings: Any,
    ) -> None:
        self.server = DemoServer(account, seed=1).start()
        if fault is not None:
            self.server.fault(**fault)
        self.clock = FakeClock()
        client = EvoLinkClient(self.server.key, base_url=self.server.url)
        self.fetcher = CreditsFetcher(
            TimedClient(client, self.clock, simulated=simulated),
            clock=self.clock,
            jitter=lambda least, _most: least,
        )
        self.widget = RecordingWidget(self.fetcher, interval=INTERVAL, **settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.widget.close()
        self.server.stop()

    @property
    def now(self) -> datetime:
        """The simulated time; aware."""
        return self.clock.now()

    def settle(self) -> Self:
        """Wait until the fetcher has nothing to do before its next reading."""
        self.clock.sleeps_for()
        return self

    def spend(self, *amounts: str) -> Self:
        """Let a reading be taken after each of these amounts is spent."""
        self.settle()
        for amount in amounts:
            self.server.account.spend(amount)
            self.clock.advance(INTERVAL)
        return self

    def fail(self, **fault: Any) -> Self:
        """Let the next reading meet this fault."""
        self.settle()
        self.server.fault(**fault)
        self.clock.advance(INTERVAL)
        return self

    def send(self, action: str) -> Self:
        """Let the widget take a message of its card."""
        self.widget._handle_custom_msg({"action": action, "view": "gallery"}, [])
        return self

    def state(self) -> dict[str, Any]:
        """What a front end knows of the widget."""
        return state_of(self.widget)

    def points(self) -> list[list[float]]:
        """What the widget answers when its card asks for the past."""
        self.send("history")
        return [list(point) for point in self.widget.__dict__["answers"][-1]["points"]]


def state_of(widget: CreditsWidget) -> dict[str, Any]:
    """What a front end knows of a widget: its synced traits, but for its code."""
    state: dict[str, Any] = widget.get_state()
    return {name: value for name, value in state.items() if name[0] != "_" or name == "_template"}


def keyless_state() -> dict[str, Any]:
    """What a front end knows of a card that has no key."""
    widget = CreditsWidget(keyless_fetcher())
    try:
        widget.fetcher.wait(10)
        return state_of(widget)
    finally:
        widget.close()
