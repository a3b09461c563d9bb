"""Whether a card is seen, as its views report from several threads while the kernel is busy or idle."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from evolink_nb.card.audience import Audience
from evolink_nb.card.kernel_idle import KernelIdle, kernel_idle
from evolink_nb.card.views import FIRST_REPORT


@pytest.fixture
def idle() -> Iterator[list[float]]:
    """The seconds for which the kernel has been idle, for a test to set."""
    seconds = [1000.0]
    kernel_idle.follow(lambda: seconds[0])
    yield seconds
    kernel_idle.follow(None)


def test_an_idle_clock_never_jumps() -> None:
    clock, seconds = KernelIdle(), [50.0]
    assert clock.seconds == 0.0
    clock.follow(lambda: seconds[0])
    assert clock.seconds == 0.0
    seconds[0] = 53.0
    assert clock.seconds == 3.0
    clock.follow(None)
    seconds[0] = 99.0
    assert clock.seconds == 3.0
    clock.follow(lambda: seconds[0])
    assert clock.seconds == 3.0


def test_changes_are_told_once(idle: list[float]) -> None:
    told: list[bool] = []
    audience = Audience(told.append)
    assert (audience.update(), told) == (True, [])
    idle[0] += FIRST_REPORT
    assert (audience.update(), audience.update(), told) == (False, False, [False])
    audience.report("one", visible=True)
    audience.report("other", visible=True)
    audience.leave("one")
    assert told == [False, True]
    audience.leave("other")
    assert (told, audience.has_views, audience.visible) == ([False, True, False], False, False)


def test_the_last_that_is_told_is_right() -> None:
    """Another thread's report arrives while the fetcher is told of the one before."""
    told: list[bool] = []

    def tell(visible: bool) -> None:
        if not told:
            reporting = threading.Thread(target=audience.report, args=("one",), kwargs={"visible": True})
            reporting.start()
            reporting.join(60)
        told.append(visible)

    audience = Audience(tell)
    audience.report("one", visible=False)
    assert told[-1] is True
    assert audience.visible


def test_only_idle_time_ages_a_late_report(idle: list[float]) -> None:
    audience = Audience(lambda _visible: None, heartbeat_timeout=0.0)
    in_time = Audience(lambda _visible: None, heartbeat_timeout=0.0)
    audience.report("on the main thread", visible=True)
    reporting = threading.Thread(target=in_time.report, args=("on a subshell",), kwargs={"visible": True})
    reporting.start()
    reporting.join(60)
    assert not audience.update()
    assert not in_time.update()
    idle[0] -= 1.0
    assert not in_time.update()
