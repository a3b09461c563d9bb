"""Which views can be seen, decided without a page or a clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.card.views import FIRST_REPORT, HEARTBEAT_TIMEOUT, Moment, Views

OPENED = Moment(0.0)


def test_unheard_views_count_as_visible() -> None:
    """A running cell may keep the first report waiting for as long as it runs."""
    assert Views(OPENED).any_visible(Moment(1e9))


def test_in_an_idle_kernel_only_for_a_while() -> None:
    views = Views(Moment(100.0, idle=7.0))
    assert views.any_visible(Moment(1e9, idle=7.0 + FIRST_REPORT - 0.1))
    assert not views.any(Moment(100.0, idle=7.0))
    late = Moment(1e9, idle=7.0 + FIRST_REPORT)
    assert not views.any_visible(late)
    views.report("slow to come", late, visible=True)
    assert views.any_visible(late)


def test_one_visible_view_is_enough() -> None:
    views = Views(OPENED)
    views.report("one", Moment(0.0), visible=True)
    views.report("other", Moment(0.0), visible=False)
    assert views.any_visible(Moment(1.0))
    views.report("one", Moment(2.0), visible=False)
    assert not views.any_visible(Moment(2.0))
    views.report("other", Moment(3.0), visible=True)
    assert views.any_visible(Moment(3.0))


def test_a_view_unknown_so_far_may_be_hidden() -> None:
    views = Views(OPENED)
    views.report("one", Moment(0.0), visible=False)
    assert not views.any_visible(Moment(0.0))


def test_hidden_is_not_gone() -> None:
    views = Views(OPENED)
    views.report("one", Moment(0.0), visible=False)
    assert views.any(Moment(1e9, idle=1e9))
    views.leave("one")
    assert not views.any(Moment(0.0))
    assert not views.any_visible(Moment(0.0))


def test_a_view_that_leaves_first_is_heard() -> None:
    views = Views(OPENED)
    views.leave("one")
    assert not views.any_visible(Moment(0.0))


def test_a_silent_view_is_forgotten() -> None:
    views = Views(OPENED, heartbeat_timeout=10.0)
    views.report("one", Moment(100.0), visible=True)
    assert views.any_visible(Moment(109.9))
    views.report("one", Moment(109.9), visible=True)
    assert views.any_visible(Moment(119.8))
    assert not views.any_visible(Moment(119.95))
    assert not views.any(Moment(119.95))
    views.report("one", Moment(500.0), visible=True)
    assert views.any_visible(Moment(500.0))


def test_a_running_cell_excuses_silence() -> None:
    """Messages that wait for it are as late as it is long; those of an idle kernel are not."""
    views = Views(OPENED)
    views.report("one", Moment(0.0, idle=5.0), visible=True, on_time=False)
    assert views.any_visible(Moment(1e9, idle=4.9 + HEARTBEAT_TIMEOUT))
    assert not views.any_visible(Moment(1e9, idle=5.0 + HEARTBEAT_TIMEOUT))
    views.report("one", Moment(1e9, idle=5.0), visible=True)
    assert not views.any_visible(Moment(1e9 + HEARTBEAT_TIMEOUT, idle=5.0))


steps = st.tuples(
    st.sampled_from("abc"), st.floats(0, 100), st.booleans(), st.booleans(), st.booleans(), st.booleans()
)


@given(st.lists(steps, min_size=1, max_size=30))
def test_the_last_report_of_each_decides(course: list[tuple[str, float, bool, bool, bool, bool]]) -> None:
    views, moment = Views(OPENED, heartbeat_timeout=50.0), OPENED
    last: dict[str, tuple[Moment, bool, bool]] = {}
    for view, later, idle, visible, on_time, leaves in course:
        moment = Moment(moment.now + later, moment.idle + (later if idle else 0.0))
        if leaves:
            views.leave(view)
            last.pop(view, None)
        else:
            views.report(view, moment, visible=visible, on_time=on_time)
            last[view] = (moment, visible, on_time)
        assert views.any_visible(moment) == any(
            visible and (moment.now < at.now + 50.0 if on_time else moment.idle < at.idle + 50.0)
            for at, visible, on_time in last.values()
        )
