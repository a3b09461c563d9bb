"""How much memory does a live card take in the kernel, beside the same card composed of core ipywidgets?

What Python holds for many of each is counted, once the first has brought what all share: modules, the fetcher
with its readings, and templates.
"""

from __future__ import annotations

from .composed import COMPOSED
from .kernel import running_kernel, value_of
from .ratio import Comparison, part
from .simulated import simulated_api

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

def kilobytes_of(make, count):
    kept = [make()]
    gc.collect()
    tracemalloc.start()
    kept += [make() for _ in range(count)]
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return held / count / 1000
"""


def measure(share: float = 1.0) -> list[Comparison]:
    """Return the ratio of bytes, and the kilobytes of one of ours."""
    count = max(part(CARDS, share), 10)
    ratios, ours = [], []
    with simulated_api() as server:
        for _ in range(part(ROUNDS, share)):
            with running_kernel(server.environment) as kernel:
                value_of(kernel, _SET_UP)
                ours.append(value_of(kernel, f"print(kilobytes_of(make_ours, {count}))"))
                ratios.append(ours[-1] / value_of(kernel, f"print(kilobytes_of(make_composed, {count}))"))
    return [
        Comparison("a live card : the same of core ipywidgets (memory)", ratios, MAX_RATIO, "memory"),
        Comparison("memory of a live card in the kernel (kB)", ours, MAX_KILOBYTES, "memory-kb"),
    ]
