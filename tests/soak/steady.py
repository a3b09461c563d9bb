"""Whether what a kernel holds stays level (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .cells import Sample


@dataclass(frozen=True)
class Tolerance:
    """By how much the later samples may exceed the earlier ones, as medians.

    Attributes:
        memory: In bytes: the first thousand readings are kept, and so is every cell that was run.
        handles: Connections are kept alive for a while.
        comms: A card, which is two with its layout, may be there in one sample and not in another.
        objects: So may a card's, and those of the extension before it was reloaded: about 15 each.
    """

    memory: int = 12 << 20
    handles: int = 3
    threads: int = 1
    comms: int = 2
    widgets: int = 2
    objects: int = 30


def growth(samples: Sequence[Sample], tolerance: Tolerance) -> dict[str, float]:
    """Return what has grown by more than it may, and by how much.

    Args:
        samples: In their order. The first third is the time to warm up; the rest is compared by halves.
        tolerance: By how much it may.
    """
    warm = samples[-(-len(samples) // 3) :]
    if len(warm) < 2:
        return {}
    earlier, later = warm[: len(warm) // 2], warm[len(warm) // 2 :]
    found = {}
    for field in fields(tolerance):
        values = [[getattr(sample, field.name) for sample in half] for half in (earlier, later)]
        more = median(values[1]) - median(values[0])
        if more > getattr(tolerance, field.name):
            found[field.name] = more
    return found
