"""Tracked loops in tests: what they print, and loops that wait less."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import pytest

from evolink_nb import track
from evolink_nb.metering.active import active_measurements
from evolink_nb.metering.attribution.verdict import AROUND_IT
from evolink_nb.metering.loops.reader import LoopTiming
from evolink_nb.metering.loops.under_way import LagTiming

if TYPE_CHECKING:
    from decimal import Decimal

    from evolink_nb.metering.cost import Cost
    from evolink_nb.metering.metered import MeteredCost

T = TypeVar("T")

Capture = pytest.CaptureFixture[str]


class Impatient(track[T]):
    """A loop that gives up a balance that can't be read after the second try."""

    timing = LoopTiming(max_blind=0.1, first_pause=0.06)


class Hasty(track[T]):
    """A loop that waits for nothing for long."""

    timing = LoopTiming(lag=LagTiming(quiet=0.3, prompt_quiet=0.1), first_look=0.05, last_wait=0.05)


class Patient(track[T]):
    """A loop whose last line has the settled cost, however busy the machine; it tries again at once."""

    timing = LoopTiming(
        lag=LagTiming(quiet=0.3, prompt_quiet=0.1), first_look=0.05, first_pause=0.01, last_wait=20.0
    )


def figures(cost: Cost | MeteredCost) -> tuple[Decimal | None, str]:
    """Return what something cost, and how sure that is."""
    return cost.credits, cost.confidence


def inner_figures(cost: MeteredCost) -> tuple[Decimal | None, str]:
    """Return the same of work in other work, which on a busy machine had time to spend something itself."""
    return cost.credits, "clean" if cost.reason == AROUND_IT else cost.confidence


def is_at_rest() -> bool:
    """Return whether no measurement is entered in this context."""
    return active_measurements.enclosing() == ()


def printed(capsys: Capture) -> list[str]:
    """Return the lines printed since the last time."""
    return capsys.readouterr().out.splitlines()
