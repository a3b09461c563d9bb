"""The static card and the live one show the same: one's markup against the other's page."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from evolink_nb.card.widget import CreditsWidget
from evolink_nb.credits import Credits, TokenCredits, UserCredits
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.clock import BEGINNING, SteppedClock
from tests.support.readings import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import Page

# Draws the live card from the kernel's state and takes both cards apart: every element with its attributes,
# its styles and its text, a field as one.
TAKE_APART = """({ state, points, markup }) => {
    const listeners = {};
    const model = {
        get: (name) => state[name],
        on: (event, listener) => { listeners[event] = listener; },
        off: () => {},
        send: ({ action }) => {
            if (action === "history") listeners["msg:custom"]({ answer: action, points });
        },
    };
    const places = [0, 1].map(() => document.body.appendChild(document.createElement("div")));
    const [staticPlace, livePlace] = places;
    staticPlace.innerHTML = markup;
    const leave = card.default.render({ model, el: livePlace });
    const parts = places.map((place) => {
        for (const part of place.querySelectorAll("button, form")) part.remove();
        return [...place.querySelectorAll(".evolink-card, .evolink-card *")]
            .filter((element) => !element.parentElement.closest("[data-field]"))
            // What a fact without a value is called is out of sight.
            .filter((element) => !element.matches(".evo-label:has(+ b:empty)"))
            .map((element) => {
                const part = { tag: element.localName };
                for (const { name, value } of element.attributes) if (name !== "style") part[name] = value;
                for (const name of element.style) part[name] = element.style.getPropertyValue(name).trim();
                if (element.matches("[data-field], :not(:has(*))")) part.text = element.textContent;
                return part;
            });
    });
    leave();
    for (const place of places) place.remove();
    return parts;
}"""

# What a static card has to say otherwise, or can't.
OWN = {
    ("class", "evolink-card"): {"data-status", "data-live"},
    ("data-field", "status"): {"text"},
    ("data-field", "updated"): {"text", "title"},
    ("data-field", "cadence"): {"text"},
    # The browser's clock and what is to come: nothing that a static card has.
    ("data-field", "time"): {"text"},
    ("data-field", "hint"): {"text"},
    ("class", "evo-says"): {"tabindex"},
    # Before there is a trend the live card keeps its place free.
    ("class", "evo-strip"): {"hidden"},
    # Alarms are the live card's, in a region of their own; this one shows the level.
    ("data-field", "alarm"): {"text"},
}


class ScriptedClient:
    """Answers with one reading after the other; its clock shows when each was taken."""

    identity = "scripted"

    def __init__(self, readings: Sequence[Credits]) -> None:
        self.clock = SteppedClock()
        self._readings = iter(readings)

    def get_credits(self) -> Credits:
        reading = next(self._readings)
        self.clock.seconds = (reading.read_at - BEGINNING).total_seconds()
        return reading

    def close(self) -> None:
        pass


Parts = list[dict[str, str]]


def pairs_of(page: Page, readings: Sequence[Credits], **options: Any) -> list[tuple[Parts, Parts]]:
    """The parts of the static card and of the live one, after each reading that one widget follows."""
    client = ScriptedClient(readings)
    fetcher = CreditsFetcher(client, 3600, clock=client.clock)
    widget = CreditsWidget(fetcher, interval=3600, **options)
    pairs = []
    try:
        fetcher.wait(10)
        for _ in readings[1:]:
            pairs.append(taken_apart(page, widget))
            fetcher.read()
        pairs.append(taken_apart(page, widget))
    finally:
        widget.close()
    return pairs


def taken_apart(page: Page, widget: CreditsWidget) -> tuple[Parts, Parts]:
    cards = {
        "state": widget.get_state(),
        "points": widget._points(),
        "markup": widget.render()["text/html"],
    }
    static, live = page.evaluate(TAKE_APART, cards)
    return without_own(static), without_own(live)


def without_own(parts: Parts) -> Parts:
    return [
        {
            name: value
            for name, value in part.items()
            if not any(part.get(mark) == wanted and name in own for (mark, wanted), own in OWN.items())
        }
        for part in parts
    ]


def part_of(parts: Parts, **attributes: str) -> dict[str, str]:
    wanted = {name.replace("_", "-"): value for name, value in attributes.items()}
    (found,) = [part for part in parts if wanted.items() <= part.items()]
    return found


READINGS = {
    "the documented example": reading(),
    "simulated": reading(simulated=True),
    "the key binds": reading(token="3.5"),
    "low": reading(user="49.99"),
    "critical": reading(user="9.5"),
    "nothing left": reading(user="0"),
    "overdrawn": reading(user="-12.5"),
    "more than overdrawn": reading(user="-1234.5678", user_used="12.5"),
    "the key overdrawn": reading(token="-0.0001"),
    "unlimited": reading(token="0", unlimited=True),
    "unlimited, a sentinel": reading(token="-922337203685477.5807", unlimited=True),
    "large": reading(user="999999999.9999", token="1000000000", user_used="123456789.1234"),
    "whole": reading(user="1200", token="5000", user_used="0", token_used="0"),
    "nothing at all": reading(user="0", token="0", user_used="0", token_used="0"),
    "overdrawn by all that was used": reading(
        user="-135.9048", token="-123456789.1234", token_used="123456789.1235"
    ),
    "a share that is a tie": reading(user="0.25", token="0.05", user_used="99.75", token_used="99.95"),
}


def test_every_part_is_the_same(card_js: Page) -> None:
    for name, credits in READINGS.items():
        pairs = pairs_of(card_js, [credits], warn_below=50, critical_below=10, credits_per_dollar=68.0)
        for static, live in pairs:
            assert len(static) > 50
            assert static == live, name


def test_dust_is_shown_the_same(card_js: Page) -> None:
    ((static, live),) = pairs_of(
        card_js, [reading(user="0.00004", token="-2.7755575615628914e-17", user_used="0")]
    )
    numbers = {"data-value", "aria-valuemax", "aria-valuenow"}
    for ours, theirs in zip(static, live, strict=True):
        for name in numbers & ours.keys():
            assert "e" not in theirs[name]
            assert float(ours.pop(name)) == pytest.approx(float(theirs.pop(name)), abs=1e-20)
        assert ours == theirs
    texts = [part_of(live, data_field=f"{half}-remaining")["text"] for half in ("user", "token")]
    assert texts == ["<0.0001", ">\N{MINUS SIGN}0.0001"]


def test_an_evening_is_shown_the_same(card_js: Page) -> None:
    left = ["1095.3996", "1090.1", "1080.0001", "1079.9", "1500", "1443.21", "1400", "1388.8888", "1387"]
    readings = [
        reading(user=user, token=str(99_000 - 7 * number), token_used=str(600 + 7 * number), at=20.0 * number)
        for number, user in enumerate(left)
    ]
    pairs = pairs_of(card_js, readings, warn_below="2h", credits_per_dollar=68.0)
    assert len(pairs) == len(left)
    for static, live in pairs:
        assert static == live
    names = ("burn-rate", "runway", "spent", "worth")
    told = [part_of(pairs[-1][1], data_field=name)["text"] for name in names]
    assert all(told)
    assert part_of(pairs[-1][1], **{"class": "evo-curve"})["d"].count("L") == len(left) - 1
    assert part_of(pairs[0][1], data_field="burn-rate")["text"] == ""


@pytest.mark.parametrize("words", ["about 14 more runs of this cell", "<b>5</b> & $worth ${spent}\n&lt;", ""])
def test_notice_and_outlook_are_the_same(card_js: Page, words: str) -> None:
    fetcher = CreditsFetcher(ScriptedClient([reading()]), 3600)
    widget = CreditsWidget(fetcher, interval=3600)
    fetcher.wait(10)
    fetcher.set_message(notice=words, outlook=words)
    try:
        static, live = taken_apart(card_js, widget)
    finally:
        widget.close()
    assert static == live
    for name in ("notice", "outlook"):
        assert part_of(live, data_field=name)["text"] == words
    labels = [part["text"] for part in live if part.get("class") == "evo-label"]
    assert labels == []


def test_without_a_reading_both_say_so(card_js: Page) -> None:
    fetcher = CreditsFetcher(ScriptedClient([]), 3600)
    widget = CreditsWidget(fetcher, interval=3600)
    fetcher.wait(10)  # the script is empty: the reading fails
    try:
        static, live = taken_apart(card_js, widget)
    finally:
        widget.close()
    assert fetcher.credits is None
    assert static == live
    assert part_of(live, data_field="user-remaining")["text"] == ""
    assert part_of(live, data_field="message")["text"].startswith("The reading failed unexpectedly")


# A float's last digits are noise beyond.
amounts = st.decimals(-(10**9), 10**9, places=4) | st.decimals(-2000, 2000, places=4)
used = st.decimals(0, 10**9, places=4) | st.decimals(0, 2000, places=4)


@given(
    st.lists(
        st.builds(
            Credits,
            st.builds(TokenCredits, amounts, used, st.booleans()),
            st.builds(UserCredits, amounts, used),
            st.integers(0, 1800).map(lambda seconds: BEGINNING + timedelta(seconds=seconds)),
            st.booleans(),
        ),
        min_size=1,
        max_size=12,
    ).map(lambda readings: sorted(readings, key=lambda reading: reading.read_at))
)
# Drawn in a browser, a failure takes minutes to make small, and is as readable as it comes.
@settings(max_examples=40, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_any_readings_are_shown_the_same(card_js: Page, readings: list[Credits]) -> None:
    for static, live in pairs_of(
        card_js, readings, warn_below=500, critical_below="30 min", credits_per_dollar=68.0
    ):
        for ours, theirs in zip(static, live, strict=True):
            shares = [float(part.pop("--share", 0)) for part in (ours, theirs)]
            # A share on the verge between two tenths of a percent may fall to either side: floats.
            assert abs(shares[0] - shares[1]) <= 0.100001
            assert ours == theirs


def test_an_alarm_stays_until_recovery() -> None:
    left = ["200", "99", "105", "99", "111"]
    fetcher = CreditsFetcher(ScriptedClient([reading(user=user) for user in left]), 3600)
    rung: list[str] = []
    widget = CreditsWidget(
        fetcher, interval=3600, warn_below=100, on_alarm=lambda alarm: rung.append(alarm.message)
    )
    try:
        fetcher.wait(10)
        told = [(widget.level, widget.alarm)]
        for _ in left[1:]:
            fetcher.read()
            told.append((widget.level, widget.alarm))
    finally:
        widget.close()
    low = "Low: less than 100 credits left."
    assert told == [("ok", ""), ("low", low), ("ok", low), ("low", low), ("ok", "")]
    assert rung == [low]
