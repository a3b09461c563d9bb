"""Which views can be seen, decided without a page or a clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.card.views import HEARTBEAT_TIMEOUT, Views


def test_unheard_views_count_as_visible() -> None:
    assert Views().any_visible(1e9)


def test_one_visible_view_is_enough() -> None:
    views = Views()
    views.report("one", 0.0, visible=True)
    views.report("other", 0.0, visible=False)
    assert views.any_visible(1.0)
    views.report("one", 2.0, visible=False)
    assert not views.any_visible(2.0)
    views.report("other", 3.0, visible=True)
    assert views.any_visible(3.0)


def test_a_view_unknown_so_far_may_be_hidden() -> None:
    views = Views()
    views.report("one", 0.0, visible=False)
    assert not views.any_visible(0.0)


def test_a_silent_view_is_forgotten() -> None:
    views = Views(heartbeat_timeout=10.0)
    views.report("one", 100.0, visible=True)
    assert views.any_visible(109.9)
    views.report("one", 109.9, visible=True)
    assert views.any_visible(119.8)
    assert not views.any_visible(119.9)
    views.report("one", 500.0, visible=True)
    assert views.any_visible(500.0)


def test_late_messages_excuse_silence() -> None:
    views = Views()
    views.report("one", 0.0, visible=True, on_time=False)
    assert views.any_visible(1e9)
    views.report("one", 1e9, visible=True)
    assert not views.any_visible(1e9 + HEARTBEAT_TIMEOUT)


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0, 100), st.booleans(), st.booleans()),
        min_size=1,
        max_size=30,
    )
)
def test_the_last_report_of_each_decides(reports: list[tuple[str, float, bool, bool]]) -> None:
    views, now, last = Views(heartbeat_timeout=50.0), 0.0, {}
    for view, later, visible, on_time in reports:
        now += later
        views.report(view, now, visible=visible, on_time=on_time)
        last[view] = (now, visible, on_time)
        assert views.any_visible(now) == any(
            visible and (not on_time or now - at < 50.0) for at, visible, on_time in last.values()
        )
