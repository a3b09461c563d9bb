"""The live card's kernel side: traits that follow a fetcher, few messages, and an end that leaves nothing."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from ipywidgets import FloatText, jslink
from ipywidgets.widgets.widget import _instances
from traitlets import HasTraits, Unicode, dlink

from evolink_nb.api.client import EvoLinkClient
from evolink_nb.card.widget import CreditsWidget
from evolink_nb.demo import Account, DemoServer
from evolink_nb.errors import ConfigurationError, RateLimitError
from evolink_nb.polling.fetcher import CreditsFetcher, stop_all
from tests.support.clock import SteppedClock
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from evolink_nb.credits import Credits

PATIENCE = 10.0


class WrongClock(SteppedClock):
    """Its time of day is wrong by ``set_by`` seconds."""

    set_by = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.set_by)


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """No card and no fetcher goes on when the test is over."""
    yield
    CreditsWidget.close_all()
    stop_all()


@pytest.fixture
def fetcher(demo_server: DemoServer) -> CreditsFetcher:
    """A fetcher that a test moves by itself: its interval is longer than the test."""
    return CreditsFetcher(EvoLinkClient(demo_server.key, base_url=demo_server.url), 3600)


@pytest.fixture
def widget(fetcher: CreditsFetcher) -> Iterator[CreditsWidget]:
    """A card that has its first reading."""
    with_reading = CreditsWidget(fetcher, interval=3600, warn_below=50)
    fetcher.wait(PATIENCE)
    yield with_reading
    with_reading.close()


# -- what it shows -------------------------------------------------------------------------------------


def test_its_traits_follow_the_reading(widget: CreditsWidget, fetcher: CreditsFetcher) -> None:
    assert (widget.user_remaining, widget.user_used) == (1095.3996, 135.9048)
    assert (widget.token_remaining, widget.token_used) == (99416.4429, 583.5571)
    assert (widget.token_unlimited, widget.binding, widget.level) == (False, "user", "ok")
    assert (widget.status, widget.message, widget.simulated, widget.interval) == ("live", "", True, 3600)
    assert isinstance(widget.updated_at, datetime)
    assert widget.updated_at.tzinfo is not None
    assert widget.updated_at == fetcher.updated_at
    milliseconds = widget.get_state("updated_at")["updated_at"]
    assert datetime.fromtimestamp(milliseconds / 1000, UTC).timestamp() == pytest.approx(
        widget.updated_at.timestamp(), abs=0.001
    )


def test_without_a_reading_no_claims(demo_server: DemoServer, fetcher: CreditsFetcher) -> None:
    demo_server.fault(latency=600)
    widget = CreditsWidget(fetcher)
    assert (widget.status, widget.user_remaining, widget.token_used) == ("loading", None, None)
    assert widget.updated_at is None
    state = widget.get_state()
    assert (state["user_remaining"], state["updated_at"]) == (None, None)


def test_refresh_brings_what_was_spent(demo_server: DemoServer, widget: CreditsWidget) -> None:
    demo_server.account.spend("1050.3996")
    widget.refresh()
    wait_until(lambda: widget.status == "live" and widget.user_remaining == 45)
    assert (widget.level, widget.user_used) == ("low", 1186.3044)


def test_the_warning_level_can_be_changed(widget: CreditsWidget) -> None:
    levels = []
    for below in (2000.0, None, 1095.3996, 1095.4):
        widget.warn_below = below
        levels.append(widget.level)
    assert levels == ["low", "ok", "ok", "low"]


@pytest.mark.parametrize(
    ("account", "state"),
    [
        (Account(user_remaining="-3.5"), {"user_remaining": -3.5, "level": "overdrawn", "binding": "user"}),
        (Account(user_remaining=0), {"user_remaining": 0.0, "level": "critical"}),
        (Account(token_remaining="7.25"), {"token_remaining": 7.25, "binding": "token"}),
        (
            Account(unlimited=True, frozen=True),
            {"token_unlimited": True, "token_remaining": 0.0, "binding": "user", "level": "ok"},
        ),
    ],
    ids=["overdrawn", "nothing left", "the key binds", "an unlimited key"],
)
def test_accounts_of_all_kinds(account: Account, state: dict[str, object]) -> None:
    with DemoServer(account) as server:
        client = EvoLinkClient(server.key, base_url=server.url)
        widget = CreditsWidget(CreditsFetcher(client, 3600))
        widget.fetcher.wait(PATIENCE)
        assert widget.get_state().items() >= state.items()


def test_a_failure_keeps_the_last_reading(demo_server: DemoServer, widget: CreditsWidget) -> None:
    read_at = widget.updated_at
    demo_server.fault(status=429, retry_after=60)
    widget.refresh()
    wait_until(lambda: widget.status == "rate-limited")
    assert "Rate limit exceeded" in widget.message
    assert (widget.user_remaining, widget.updated_at) == (1095.3996, read_at)


@pytest.mark.parametrize("action", ["history", "show"])
@pytest.mark.parametrize("set_by", [-86_400, 0, 86_400])
def test_card_is_told_ages_and_no_times(
    action: str, set_by: int, demo_server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's clock may be set, and the browser's may be another."""
    clock, told = WrongClock(), list[dict[str, Any]]()
    client = EvoLinkClient(demo_server.key, base_url=demo_server.url)
    widget = CreditsWidget(CreditsFetcher(client, clock=clock))
    monkeypatch.setattr(widget, "send", told.append)
    widget.fetcher.read()
    clock.seconds, clock.set_by = 40.0, set_by
    widget._handle_custom_msg({"action": action, "view": "one", "visible": True}, [])
    assert told[-1].items() >= {"answer": action, "age": 40.0, "wait": None}.items()
    assert set(told[-1].get("points", [(-40_000, 1095.3996)])) == {(-40_000, 1095.3996)}
    demo_server.fault(status=429, retry_after=60)
    with pytest.raises(RateLimitError):
        widget.fetcher.read()
    assert widget.retry_in == 60
    clock.seconds = 75.0
    widget._handle_custom_msg({"action": action, "view": "one", "visible": True}, [])
    assert told[-1].items() >= {"age": 75.0, "wait": 25.0}.items()


def test_notice_alarm_and_failure_together(demo_server: DemoServer, widget: CreditsWidget) -> None:
    notice, low = "The budget of 5 credits is spent (7).", "Low: less than 50 credits left."
    widget.fetcher.set_message(notice=notice)
    assert (widget.notice, widget.alarm, widget.message) == (notice, "", "")
    demo_server.account.spend(1050)
    widget.fetcher.read()
    assert (widget.notice, widget.alarm) == (notice, low)
    demo_server.fault(status=429, retry_after=60)
    widget.refresh()
    wait_until(lambda: widget.status == "rate-limited")
    assert (widget.notice, widget.alarm) == (notice, low)
    assert "Rate limit exceeded" in widget.message
    text = widget.render()["text/plain"]
    assert notice in text
    assert "Rate limit exceeded" in text
    widget.fetcher.set_message(notice="")
    assert (widget.notice, widget.alarm) == ("", low)


def test_a_notice_may_come_first(demo_server: DemoServer, fetcher: CreditsFetcher) -> None:
    demo_server.fault(status=401)
    widget = CreditsWidget(fetcher)
    fetcher.wait(PATIENCE)
    fetcher.set_message(notice="Spent.", outlook="about 14 more runs")
    assert (widget.notice, widget.outlook, widget.user_remaining) == ("Spent.", "about 14 more runs", None)


def test_its_traits_can_be_linked(demo_server: DemoServer, widget: CreditsWidget) -> None:
    class Label(HasTraits):
        text = Unicode()

    label, number = Label(), FloatText()
    dlink((widget, "user_remaining"), (label, "text"), str)
    in_the_browser = jslink((widget, "user_remaining"), (number, "value"))
    assert in_the_browser.source == (widget, "user_remaining")
    demo_server.account.spend("5.3996")
    widget.refresh()
    wait_until(lambda: label.text == "1090.0")
    for other in (in_the_browser, number):
        other.close()


def test_its_display_is_readable_alone(widget: CreditsWidget) -> None:
    data, _metadata = widget._repr_mimebundle_()
    view = data["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == widget.model_id
    for readable in (data["text/plain"], data["text/html"]):
        assert "Account" in readable
        assert "99,416" in readable
    assert "1,095.3996" in data["text/plain"]
    assert 'data-value="1095.3996"' in data["text/html"]


def test_its_display_says_why_it_is_empty(demo_server: DemoServer) -> None:
    demo_server.fault(status=401)
    client = EvoLinkClient(demo_server.key, base_url=demo_server.url)
    data, _metadata = CreditsWidget(CreditsFetcher(client, 3600))._repr_mimebundle_()
    assert "Invalid or expired token" in data["text/plain"]
    assert "no reading yet" in data["text/plain"]
    assert "Account" not in data["text/plain"]  # no row of numbers: a failure is no empty account


def test_without_a_key_there_is_no_card() -> None:
    with pytest.raises(ConfigurationError, match="No EvoLink API key"):
        CreditsWidget()


# -- what it costs -------------------------------------------------------------------------------------


def test_fifty_cards_make_one_request(simulated_account: DemoServer) -> None:
    cards = [CreditsWidget(interval=0.3) for _ in range(50)]
    assert len({id(card.fetcher) for card in cards}) == 1
    # Nor does each hold the template, of 43 kB.
    assert len({id(card._template) for card in cards}) == 1
    fetcher = cards[0].fetcher
    readings: list[Credits] = []
    four = threading.Event()

    def note(change: Any) -> None:
        readings.append(change.new)
        if len(readings) == 4:
            fetcher.stop()
            four.set()

    fetcher.wait(PATIENCE)
    before = simulated_account.requests_seen["/v1/credits"]
    fetcher.observe(note, "credits")
    assert four.wait(PATIENCE)
    assert simulated_account.requests_seen["/v1/credits"] - before == 4
    assert {card.user_remaining for card in cards} == {1095.3996}


def test_two_keys_read_each_their_own(simulated_account: DemoServer) -> None:
    other = EvoLinkClient(simulated_account.key_of("other"), base_url=simulated_account.url)
    one, another = CreditsWidget(), CreditsWidget(CreditsFetcher.shared(other))
    for card in (one, another):
        card.fetcher.wait(PATIENCE)
    assert (one.token_unlimited, another.token_unlimited) == (False, True)


def test_the_last_card_ends_the_thread(simulated_account: DemoServer) -> None:
    one, another = CreditsWidget(interval=20), CreditsWidget(interval=5)
    fetcher = one.fetcher
    assert (fetcher.interval, one.interval) == (5, 5)
    another.close()
    assert (fetcher.running, fetcher.interval, one.interval) == (True, 20, 20)
    one.close()
    one.close()
    assert not fetcher.running
    before = one.user_remaining
    simulated_account.account.spend(5)
    fetcher.refresh()
    assert one.user_remaining == before  # a closed card follows no more


@pytest.mark.parametrize("with_reading", [True, False])
def test_a_closed_card_leaves_nothing(
    demo_server: DemoServer, fetcher: CreditsFetcher, with_reading: bool
) -> None:
    """Neither ipywidgets' registry nor anywidget, the comm or the fetcher keep it, or its layout."""
    if not with_reading:
        demo_server.fault(latency=600)
    before = set(_instances)
    card = CreditsWidget(fetcher, warn_below=50, on_alarm=lambda _alarm: None)
    if with_reading:
        fetcher.wait(PATIENCE)
    card._handle_custom_msg({"action": "show", "view": "one", "visible": True}, [])
    assert len(set(_instances) - before) == 2  # the card and its layout
    gone = [weakref.ref(card), weakref.ref(card.layout)]
    card.close()
    del card
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
    assert set(_instances) == before


@pytest.mark.parametrize("error", [ZeroDivisionError(), SystemExit(1)], ids=["flaw", "exit"])
def test_what_observers_raise_harms_no_card(
    demo_server: DemoServer, fetcher: CreditsFetcher, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether they observe the card's traits or its alarms: every trait follows each reading."""

    def fail(_event: object) -> None:
        raise error

    card = CreditsWidget(fetcher, warn_below=5000, on_alarm=fail)
    fetcher.wait(PATIENCE)
    card.observe(fail, ["user_remaining", "level"])
    for spent in (1, 2):
        demo_server.account.spend(spent)
        before = fetcher.updated_at
        fetcher.refresh()
        wait_until(lambda before=before: fetcher.updated_at != before)  # type: ignore[misc]
        wait_until(lambda: card.updated_at == fetcher.updated_at)
    assert card.user_remaining == pytest.approx(1092.3996)
    card.warn_below = 6000
    card.unobserve(fail, ["user_remaining", "level"])
    card.close()
    assert "on_alarm failed." in caplog.text
    assert "An observer of the credits fetcher failed." in caplog.text
