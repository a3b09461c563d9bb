"""A chart of the history: its marks are where they belong, in any past, and names stay text."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from bleach.sanitizer import Cleaner
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.formatting import MINUS
from evolink_nb.history.charts.chart import chart_html
from evolink_nb.history.charts.data import Bucket, ChartData, Dear, TopUp
from evolink_nb.history.charts.svg import draw
from evolink_nb.history.charts.words import EMPTY, description, notes, summary
from tests.history import charts
from tests.history.charts import BERLIN, CHARTS, HOUR, MARKUP, MIDNIGHT, buckets

amounts = st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False, places=4)
names = st.text(max_size=60)


@st.composite
def pasts(draw: st.DrawFn) -> ChartData:
    """Any past, from one bucket to many, with anything unknown in it."""
    length = timedelta(minutes=draw(st.integers(1, 60 * 24 * 31)))
    known = st.none() | amounts
    rows = draw(st.lists(st.tuples(known, known), min_size=1, max_size=40))
    made = [
        Bucket(MIDNIGHT + number * length, MIDNIGHT + (number + 1) * length, spent, balance)
        for number, (spent, balance) in enumerate(rows)
    ]
    times = st.floats(0, 0.999).map(lambda part: MIDNIGHT + part * len(rows) * length)
    return ChartData(
        made,
        unit=draw(st.sampled_from(["hour", "15 minutes", "month"])),
        zone=BERLIN,
        top_ups=sorted(
            draw(st.lists(st.builds(TopUp, times, amounts), max_size=9)), key=lambda each: each.at
        ),
        dearest=draw(st.lists(st.builds(Dear, names, amounts, st.none() | times), max_size=5)),
        simulated=draw(st.booleans()),
    )


def svg(data: ChartData) -> ET.Element:
    text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "", draw(data))
    return ET.fromstring(text)  # noqa: S314 - our own text


def of_class(element: ET.Element, name: str) -> list[ET.Element]:
    return [each for each in element.iter() if name in each.get("class", "").split()]


def inside(each: ET.Element) -> bool:
    """Whether its positions along the time are within the chart."""
    shares = [float(each.get(name, "0%").rstrip("%")) for name in ("x", "x1", "x2", "cx")]
    return all(-0.001 <= share <= 100.001 for share in shares if each.get("x") != "-8")


@given(pasts())
def test_any_past_can_be_drawn(data: ChartData) -> None:
    markup = chart_html(data)
    if data.is_empty:
        assert EMPTY in markup
        assert "<svg role" not in markup
        return
    root = svg(data)
    assert root.get("role") == "img"
    assert root.get("aria-label", "").startswith("Chart of the balance and of what was spent per ")
    assert all(map(inside, root.iter()))
    assert len(of_class(root, "evo-bar")) == sum(1 for each in data.buckets if each.spent)
    assert len(of_class(root, "evo-gap")) == len(list(data.gaps()))
    assert len(of_class(root, "evo-top-up")) == len(data.top_ups)


class _Tags(HTMLParser):
    """Counts tags, and collects titles and the text outside of styles."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.titles: list[str] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.titles += [value or "" for name, value in attributes if name == "title"]


def test_names_are_only_ever_text() -> None:
    parsed = _Tags(chart_html(charts.hostile()))
    assert "script" not in parsed.tags
    assert parsed.tags.count("figure") == 1
    assert any("<script>window.attacked=1</script>" in title for title in parsed.titles)


def test_each_bucket_says_what_it_holds() -> None:
    titles = _Tags(chart_html(charts.a_day())).titles
    assert len(titles) == 24
    assert titles[3] == "Tue 24 Nov 03:00 to 04:00\n0 credits spent\n1,231.3044 left"
    assert titles[10].splitlines()[-1] == "train.ipynb · 40 videos: 61.25 credits in 3 runs, Tue 24 Nov 10:12"
    assert "topped up by 500" in titles[13]
    assert titles[23].startswith("Tue 24 Nov 23:00 to 24:00")


def test_a_gap_says_so_in_place_of_0() -> None:
    data = charts.a_week_with_gaps()
    titles = _Tags(chart_html(data)).titles
    assert titles[10] == "Thu 26 Nov 12:00 to 18:00\nno readings"
    [note] = notes(data)
    assert note.startswith("No readings: Thu 26 Nov 12:00 to Fri 27 Nov 18:00, Sun 29 Nov 00:00 to 06:00")
    # The line of the balance isn't drawn through gaps.
    assert len(of_class(svg(data), "evo-curve")) == 3


def test_what_a_screen_reader_says() -> None:
    assert description(charts.a_day()) == (
        "Chart of the balance and of what was spent per hour. 90.6217 credits spent, 1,640.6827 left. "
        "The balance went from 1,231.3044 to 1,640.6827 credits. "
        "Most was spent on Tue 24 Nov 11:00 to 12:00: 20.2262. Topped up: 500 on Tue 24 Nov 13:05."
    )


def test_one_reading_is_drawn_as_a_point() -> None:
    root = svg(charts.one_point())
    assert len(of_class(root, "evo-point")) == 1
    assert of_class(root, "evo-curve") == []


def test_an_overdrawn_balance_shows_0() -> None:
    root = svg(charts.overdrawn())
    zeros = {each.get("y1") for each in of_class(root, "evo-zero")}
    assert len(zeros) == 2, "one in each panel"
    assert f"{MINUS}62 left" in summary(charts.overdrawn())


def test_an_area_begins_at_0_or_is_none() -> None:
    assert of_class(svg(charts.a_day()), "evo-area")
    assert of_class(svg(charts.hardly_changing()), "evo-area") == []


def test_amounts_of_top_ups_keep_apart() -> None:
    crowded = tuple(TopUp(MIDNIGHT + number * HOUR / 4, Decimal(100)) for number in range(40))
    data = ChartData(buckets(24, HOUR, lambda _: "1"), unit="hour", zone=BERLIN, top_ups=crowded)
    root = svg(data)
    shares = [float(each.get("x", "").rstrip("%")) for each in of_class(root, "evo-added")]
    assert min(later - earlier for earlier, later in pairwise(shares)) >= 10
    [note] = notes(data)
    assert note.startswith("Topped up: 100 on Tue 24 Nov 00:00, 100 on Tue 24 Nov 00:15")
    assert note.endswith("and 37 more")


@pytest.mark.parametrize("name", CHARTS)
def test_stripped_of_styles_it_is_readable(name: str) -> None:
    """What GitHub and an untrusted notebook leave: a title, a summary, notes, and no text of hovers."""
    data = CHARTS[name]()
    without_styles = re.sub(r"<style>.*?</style>", "", chart_html(data), flags=re.DOTALL)
    stripped = str(
        Cleaner(tags=["p", "strong", "br", "ol", "li"], attributes={}, strip=True).clean(without_styles)
    )
    assert stripped.lstrip().startswith("<strong>EvoLink credits")
    assert len(re.sub(r"<[^>]*>", "", stripped)) < 1_000
    assert "no readings" not in stripped
    assert MARKUP not in stripped
