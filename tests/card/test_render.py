"""The static card: right as text, as markup, and as the bare table left without styles."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb import errors
from evolink_nb.card.render import CardView, Trend, render_live_html, render_text, request_of, usd_estimate
from evolink_nb.formatting import format_amount
from evolink_nb.polling.status import Status
from tests.support.clock import BEGINNING
from tests.support.readings import reading

from .markup import Page

if TYPE_CHECKING:
    from evolink_nb.credits import Credits


def page(credits: Credits | None, **state: Any) -> Page:
    return Page(CardView(credits, **state).html())


def test_the_documented_example() -> None:
    card = page(reading())
    assert card.field("user-remaining") == ("1,095.3996", "1095.3996")
    assert card.field("user-used") == ("135.9048", "135.9048")
    assert card.field("token-remaining") == ("99,416.4429", "99416.4429")
    assert card.field("token-used") == ("583.5571", "583.5571")
    assert card.field("user-total")[0] == "of 1,231.3044"
    assert card.field("message") == ("", None)
    assert card.field("status") == ("not live", None)
    assert card.row("Account").startswith("Account spendable 1,095.3996 credits left")
    assert "spendable" not in card.row("API key")


def test_the_root_shows_its_state() -> None:
    root = page(reading(simulated=True), status="stale", level="low").find(data_status="stale")
    assert (root.tag, root.attributes["class"], root.attributes["data-level"]) == (
        "div",
        "evolink-card",
        "low",
    )
    assert "data-demo" in root.attributes
    assert "demo data" in root.text
    root = page(reading()).find(data_status="paused")
    assert "data-demo" not in root.attributes
    assert "demo data" not in root.text


@pytest.mark.parametrize(
    ("gauge", "words", "most", "now"),
    [
        ("user", "1,095.3996 of 1,231.3044 credits left", "1231.3044", "1095.3996"),
        ("token", "99,416.4429 of 100,000 credits left", "100000", "99416.4429"),
    ],
)
def test_screen_readers_get_the_gauges(gauge: str, words: str, most: str, now: str) -> None:
    meter = page(reading()).find(data_gauge=gauge)
    assert meter.attributes["role"] == "meter"
    assert meter.attributes["aria-label"]
    assert meter.attributes["aria-valuetext"] == words
    numbers = [meter.attributes[f"aria-value{name}"] for name in ("min", "now", "max")]
    assert numbers == ["0", now, most]


def test_the_binding_half_is_marked() -> None:
    card = page(reading(token="3"))
    assert card.row("API key").startswith("API key spendable 3 credits left")
    assert "spendable" not in card.row("Account")
    lines = render_text(reading(token="3")).splitlines()
    assert ["<- spendable" in line for line in lines] == [False, False, True]


def test_an_unlimited_key_has_no_number() -> None:
    card = page(reading(token="-922337203685477.5807", unlimited=True))
    assert card.field("token-remaining") == ("∞", None)
    assert card.field("token-used") == ("583.5571", "583.5571")
    assert card.row("API key").startswith("API key ∞ no limit of its own 583.5571 used")
    assert card.find(data_gauge="token").attributes["aria-valuetext"] == "no limit of its own"
    assert card.find(data_gauge="token").attributes["aria-valuenow"] == "0"
    assert "9223" not in CardView(reading(token="-922337203685477.5807", unlimited=True)).html()
    assert "∞ no limit of its own" in render_text(reading(unlimited=True))


def test_an_overdrawn_account_shows_its_debt() -> None:
    bundle = CardView(reading(user="-12.5")).mimebundle()
    card = Page(bundle["text/html"])
    assert card.find(data_level="overdrawn").tag == "div"
    assert card.field("user-remaining") == ("\N{MINUS SIGN}12.5", "-12.5")
    assert "overdrawn" in card.row("Account")
    meter = card.find(data_gauge="user").attributes
    assert (meter["aria-valuenow"], meter["aria-valuetext"]) == ("0", "minus 12.5 of 123.4048 overdrawn")
    assert "-12.5 overdrawn" in bundle["text/plain"]
    assert page(reading(user="0")).find(data_level="critical").tag == "div"
    assert page(reading(user="-1"), level="low").find(data_level="low").tag == "div"


def test_without_a_reading_no_number() -> None:
    for markup in (CardView(None, Status.LOADING).html(), render_live_html()):
        card = Page(markup)
        fields = ("user-remaining", "user-used", "token-remaining", "token-used")
        assert {card.field(name) for name in fields} == {("", None)}
        assert card.field("updated")[0] == "no reading yet"
        assert card.find(data_status="loading").tag == "div"
    assert CardView(None, Status.LOADING).text() == "EvoLink credits · no reading yet\n  reading…"


def test_a_stale_card_has_age_and_reason() -> None:
    bundle = CardView(
        reading(),
        status=Status.OFFLINE,
        message="No answer.\nTry again.",
        age=150.0,
    ).mimebundle()
    card = Page(bundle["text/html"])
    assert card.field("user-remaining")[0] == "1,095.3996"
    assert card.field("updated")[0].endswith("(2 min ago)")
    assert card.field("message")[0] == "No answer. Try again."
    assert card.field("status")[0] == "offline"
    first, *rest = bundle["text/plain"].splitlines()
    assert first.endswith("(2 min ago)")
    assert rest[-3:] == ["  offline", "  No answer.", "  Try again."]


STATUSES = "loading live refreshing stale paused rate-limited unauthorized offline busy gone error"


@pytest.mark.parametrize("status", STATUSES.split())
def test_every_status_has_words(status: str) -> None:
    card = page(reading(), status=status)
    assert card.find(data_status=status).tag == "div"
    assert card.field("status")[0]


@pytest.mark.parametrize(
    "hostile",
    ["<script>alert(1)</script>", '"><img src=x onerror=y>', "&lt;b&gt;", "$user_remaining", "${x}$$", "'"],
)
def test_server_words_are_only_text(hostile: str) -> None:
    card = page(reading(), message=hostile, status=hostile, notice=hostile, outlook=hostile)
    assert {card.field(name)[0] for name in ("message", "status", "notice", "outlook")} == {hostile}
    assert card.find(data_level="ok").attributes["data-status"] == hostile
    assert {element.tag for element in card.elements} == {element.tag for element in page(reading()).elements}
    assert f"  {hostile}" in CardView(reading(), message=hostile).text()


def test_the_request_is_in_a_tooltip() -> None:
    error = errors.ServerError("trouble", status=500, request_id='"><b>7')
    bundle = CardView(reading(), message=str(error), request=request_of(error)).mimebundle()
    card = Page(bundle["text/html"])
    assert card.field("message")[0] == "EvoLink answered 500: trouble"
    assert card.find(data_field="message").attributes["title"] == 'Request "><b>7'
    assert '[request "><b>7]' in bundle["text/plain"]
    assert request_of(errors.APIConnectionError("no answer")) == request_of(None) == ""


def test_only_live_cards_have_buttons() -> None:
    button = Page(render_live_html()).find(data_action="refresh")
    assert (button.tag, button.attributes["type"]) == ("button", "button")
    assert button.attributes["aria-label"] == "Refresh"
    assert "button" not in {element.tag for element in page(reading()).elements}


def test_without_styles_it_is_a_table() -> None:
    """As GitHub shows it: nothing is left but the words, and the table they stand in."""
    bare = Page(CardView(reading(simulated=True), message="Low.").html().split("</style>")[1])
    assert bare.cells == [
        ["Account spendable", "1,095.3996 credits left", "of 1,231.3044 · 135.9048 used"],
        ["API key", "99,416.4429 credits left", "of 100,000 · 583.5571 used"],
    ]
    words = " ".join(bare.elements[0].text.split())
    assert words.startswith("EvoLink credits demo data not live")
    assert f" Low. read {BEGINNING.astimezone():%Y-%m-%d}" in words


TREND = Trend(0.2065, 5280.0, Decimal("19.2"), [(0.0, 20.0), (1000.0, 5.0), (4000.0, 0.8)])


def test_the_strip_shows_the_trend() -> None:
    bundle = CardView(reading(), trend=TREND, worth=usd_estimate(reading(), 68.0)).mimebundle()
    card = Page(bundle["text/html"])
    assert card.field("burn-rate") == ("12.4 / min", None)
    assert card.field("runway") == ("≈ 1 h 28 min", None)
    assert card.field("spent") == ("19.2", "19.2")
    assert card.field("worth")[0] == "≈ $16.11"
    assert "hidden" not in card.find(_class="evo-strip").attributes
    assert card.field("span")[0] == "last 4 s"
    assert card.find(_class="evo-curve").attributes["d"] == "M0.0 4.0L25.0 29.0L100.0 36.0"
    assert card.find(_class="evo-area").attributes["d"] == "M0.0 4.0L25.0 29.0L100.0 36.0L100 40L0 40Z"
    assert card.labels == ["runway", "burn", "spent this session"]
    lines = bundle["text/plain"].splitlines()
    assert lines[3:] == [
        "  burn 12.4 / min · runway ≈ 1 h 28 min · spent this session 19.2",
        "  worth ≈ $16.11",
    ]


def test_notice_and_outlook_are_shown() -> None:
    outlook = "enough for about 14 more runs of this cell"
    bundle = CardView(
        reading(), message="No answer.", notice="Spent.\nStopped.", outlook=outlook
    ).mimebundle()
    card = Page(bundle["text/html"])
    assert card.field("notice")[0] == "Spent. Stopped."
    assert card.field("message")[0] == "No answer."
    assert card.field("outlook")[0] == outlook
    assert "hidden" in card.find(_class="evo-strip").attributes
    assert set(card.labels) == {""}
    assert bundle["text/plain"].splitlines()[3:] == [
        "  enough for about 14 more runs of this cell",
        "  Spent.",
        "  Stopped.",
        "  No answer.",
    ]


def test_unknown_facts_are_left_out() -> None:
    card = page(reading())
    unknown = ("burn-rate", "runway", "spent", "worth", "notice", "outlook")
    assert {card.field(name) for name in unknown} == {("", None)}
    assert "hidden" in card.find(_class="evo-strip").attributes
    assert set(card.labels) == {""}
    assert len(CardView(reading()).text().splitlines()) == 3
    assert usd_estimate(None, 68.0) == usd_estimate(reading(), None) == usd_estimate(reading(), 0) == ""


def test_static_and_live_share_a_template() -> None:
    static, live = Page(CardView(reading()).html().split("</style>")[1]), Page(render_live_html())
    fields = [
        [e.attributes["data-field"] for e in card.elements if "data-field" in e.attributes]
        for card in (static, live)
    ]
    assert fields[0] == fields[1]
    assert "data-live" not in static.elements[0].attributes
    assert "data-live" in live.elements[0].attributes
    actions = [e.attributes["data-action"] for e in live.elements if "data-action" in e.attributes]
    assert actions == ["refresh", "popout", "pin", "compact", "login", "demo", "pause", "notify"]


def test_the_text_is_one_aligned_block() -> None:
    local = BEGINNING.astimezone()
    assert render_text(reading(simulated=True)) == (
        f"EvoLink credits (demo data) · read {local:%Y-%m-%d %H:%M:%S %Z}\n"
        "  Account   1,095.3996 credits left  135.9048 used  <- spendable\n"
        "  API key  99,416.4429 credits left  583.5571 used"
    )
    assert "\x1b" not in render_text(reading())


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("0.0000", "0"),
        ("7", "7"),
        ("7.10", "7.1"),
        ("1E+3", "1,000"),
        ("1095.3996", "1,095.3996"),
        ("1231.30445", "1,231.3045"),
        ("-1234.5", "\N{MINUS SIGN}1,234.5"),
        ("0.0001", "0.0001"),
        ("0.00005", "0.0001"),
        ("0.00004", "<0.0001"),
        ("-2.7755575615628914e-17", ">\N{MINUS SIGN}0.0001"),
        ("5e-324", "<0.0001"),
        ("999999.99999", "1,000,000"),
        ("9" * 31 + ".9996", ",".join(["9", *["999"] * 10]) + ".9996"),
        ("1E+30", "1" + ",000" * 10),
    ],
)
def test_amounts_read_well(amount: str, shown: str) -> None:
    assert format_amount(Decimal(amount)) == shown
    card = page(reading(user=amount))
    assert card.field("user-remaining")[0] == shown
    assert Decimal(card.field("user-remaining")[1] or "") == Decimal(amount)
    assert shown.replace("\N{MINUS SIGN}", "-") in render_text(reading(user=amount))


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30),
    st.booleans(),
)
def test_any_reading_makes_a_card(user: Decimal, token: Decimal, unlimited: bool) -> None:
    bundle = CardView(reading(user=user, token=token, unlimited=unlimited), age=0.0).mimebundle()
    for gauge in ("user", "token"):
        meter = Page(bundle["text/html"]).find(data_gauge=gauge).attributes
        least, now, most = (Decimal(meter[f"aria-value{name}"] or "") for name in ("min", "now", "max"))
        assert least <= now <= most
    assert len(bundle["text/plain"].splitlines()) in {3, 4}


@pytest.mark.parametrize(
    ("spendable", "shown"),
    [
        ("1095.3996", "≈ $16.11"),
        ("-12.25", "≈ \u2212$0.18"),
        ("-100000", "≈ \u2212$1,470.59"),
        ("0", "≈ $0.00"),
        ("0.3399", "< $0.01"),
        ("0.34", "≈ $0.01"),
        ("-0.3399", "> \u2212$0.01"),
        ("-0.34", "≈ \u2212$0.01"),
        ("1e-9", "< $0.01"),
    ],
)
def test_dollars_have_their_sign_and_size(spendable: str, shown: str) -> None:
    """The minus stands before the dollar, and only nothing is nothing."""
    assert usd_estimate(reading(user=spendable), 68.0) == shown
