"""The card, the cost table and the chart have the same colours, though their packages are independent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evolink_nb.card.template import stylesheet
from evolink_nb.history.charts import chart
from evolink_nb.metering import report


def custom_properties(css: str) -> dict[str, str]:
    """The first value of each custom property."""
    found = re.findall(r"^\s*(--[a-z]+): (.+);$", css, flags=re.MULTILINE)
    return dict(reversed(found))


def schemes(css: str) -> dict[str, str]:
    """What hosts call their colour schemes, by scheme."""
    found = re.findall(r"(:is\(.+\)) & \{\s*color-scheme: (light|dark);", css)
    return {scheme: hosts for hosts, scheme in found}


@pytest.mark.parametrize("other", [report.STYLESHEET, chart.STYLESHEET], ids=lambda path: path.name)
def test_shared_colours_have_one_value(other: Path) -> None:
    card = stylesheet()
    table = other.read_text(encoding="utf-8")
    ours, theirs = custom_properties(card), custom_properties(table)
    shared = ours.keys() & theirs.keys()
    assert {"--text", "--surface", "--quiet", "--line"} <= shared
    assert {name: theirs[name] for name in shared} == {name: ours[name] for name in shared}
    assert schemes(card) == schemes(table)
    assert schemes(card).keys() == {"light", "dark"}
