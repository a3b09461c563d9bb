"""How much memory does a live card take in the kernel, beside the same card composed of core ipywidgets?

What Python holds for many of each is counted, once the first has brought what all share: modules, the fetcher
with its readings, and templates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .composed import COMPOSED
from .kernel import running_kernel, value_of
from .ratio import Comparison, part
from .simulated import simulated_api

if TYPE_CHECKING:
    from tests.support.kernel import Kernel

CARDS = 100
ROUNDS = 3
MAX_RATIO = 0.25
MAX_KILOBYTES = 32.0

_SET_UP = f"""
import gc, tracemalloc
from evolink_nb import CreditsWidget, EvoLinkClient
{COMPOSED}
reading = EvoLinkClient().get_credits()

def make_composed():
    card = ComposedCard()
    card.show(reading)
    return card

def make_ours():
    card = CreditsWidget(interval=3600)
    card.fetcher.wait(10)
    assert card.user_remaining is not None
    return card

def make(make_one, count):
    kept = [make_one()]
    gc.collect()
    tracemalloc.start()
    kept += [make_one() for _ in range(count)]
    return kept

def kilobytes_of(kept):
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return held / (len(kept) - 1) / 1000
"""


def measure(share: float = 1.0) -> list[Comparison]:
    """Return the ratio of bytes, and the kilobytes of one of ours."""
    count = max(part(CARDS, share), 10)
    ratios, ours = [], []
    with simulated_api() as server:
        for _ in range(part(ROUNDS, share)):
            with running_kernel(server.environment) as kernel:
                value_of(kernel, _SET_UP)
                ours.append(_kilobytes(kernel, "make_ours", count))
                ratios.append(ours[-1] / _kilobytes(kernel, "make_composed", count))
    return [
        Comparison("a live card ÷ the same of core ipywidgets (memory)", ratios, MAX_RATIO, "memory"),
        Comparison("memory of a live card in the kernel (kB)", ours, MAX_KILOBYTES, "memory-kb"),
    ]


def _kilobytes(kernel: Kernel, make_one: str, count: int) -> float:
    value_of(kernel, f"kept = make({make_one}, {count})")
    # In a cell of its own: the messages of the one before are sent by then, and none of the cards' memory.
    kilobytes: float = value_of(kernel, "print(kilobytes_of(kept))")
    return kilobytes
