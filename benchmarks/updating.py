"""What does one live update send beside the same card composed of core ipywidgets?

Both cards live in a real kernel and follow the same readings; what is counted is what the kernel puts on
its wire: whole messages, headers and signature included. The composed card's age is written once an
update; to tick every second, as ours does in the browser, it would send a message every second more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .composed import COMPOSED
from .kernel import connected_client
from .ratio import Comparison

if TYPE_CHECKING:
    from jupyter_client.blocking.client import BlockingKernelClient

UPDATES = 30

_READINGS = f"""
import itertools, threading
from datetime import datetime, timedelta, UTC
from decimal import Decimal
from evolink_nb import Credits
from evolink_nb.credits import TokenCredits, UserCredits

def readings():
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range({UPDATES} + 1):
        spent = number * Decimal("1.3601")
        yield Credits(
            TokenCredits(Decimal("99416.4429") - spent, Decimal("583.5571") + spent, False),
            UserCredits(Decimal("1095.3996") - spent, Decimal("135.9048") + spent),
            start + timedelta(seconds=15 * number),
        )
"""

_OUR_CARD = """
from evolink_nb import CreditsFetcher, CreditsWidget
from evolink_nb.polling.clock import Clock

class Ahead(Clock):
    seconds = 0
    def monotonic(self):
        return super().monotonic() + self.seconds

class Client:
    identity = "benchmark"
    begun, ended = threading.Event(), threading.Event()
    left = readings()
    first = True
    def get_credits(self):
        if self.first is None:
            self.begun.wait()
        self.first = None
        reading = next(self.left, None)
        if reading is None:
            self.ended.set()
            threading.Event().wait()
        clock.seconds += 15
        return reading
    def close(self):
        pass

clock = Ahead()
fetcher = CreditsFetcher(Client(), clock=clock)
fetcher.refresh()
widget = CreditsWidget(fetcher, interval=0.1)
"""
# The first reading came before the card was made; the others are the updates.
_OUR_UPDATES = "Client.begun.set(); Client.ended.wait()"

_COMPOSED_CARD = f"""
{COMPOSED}
left = readings()
card = ComposedCard()
card.show(next(left))
"""
_COMPOSED_UPDATES = "for reading in left: card.show(reading)"


def measure() -> list[Comparison]:
    """Return the ratio of bytes, and the messages one update of ours takes."""
    ours = _sent_by(_OUR_CARD, _OUR_UPDATES)
    composed = _sent_by(_COMPOSED_CARD, _COMPOSED_UPDATES)
    per_update = len(composed) / UPDATES
    return [
        Comparison(
            f"a live update ÷ the same card of core ipywidgets, {per_update:g} messages (bytes)",
            [sum(ours) / sum(composed)],
            0.20,
            "updating",
        ),
        Comparison("messages of a live update (count)", [len(ours) / UPDATES], 1.0),
    ]


def _sent_by(card: str, updates: str) -> list[int]:
    """Return the size of each widget message that ``updates`` makes a kernel send, in bytes."""
    with connected_client() as client:
        _run(client, _READINGS + card)
        return _run(client, updates)


def _run(client: BlockingKernelClient, code: str) -> list[int]:
    """Run ``code``; return the bytes of each widget message that came before the kernel was idle again."""
    request = client.execute(code, store_history=False)
    sizes = []
    while True:
        frames = client.iopub_channel.socket.recv_multipart()
        _, parts = client.session.feed_identities(frames)
        message = client.session.deserialize(parts)
        if message["msg_type"] == "comm_msg":
            sizes.append(sum(len(frame) for frame in frames))
        if message["parent_header"].get("msg_id") != request:
            continue
        if message["msg_type"] == "error":
            raise RuntimeError("\n".join(message["content"]["traceback"]))
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return sizes
