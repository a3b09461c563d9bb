"""The tables of faults and places are as long as CONTRIBUTING.md says, and no row is there twice."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.api import test_bodies, test_failing_calls, test_hosts, test_tls_faults, test_wire_faults

from . import test_key_places

CONTRIBUTING = Path(__file__).parents[1] / "CONTRIBUTING.md"
TABLES: dict[str, list[Any]] = {
    "faults of the wire": test_wire_faults.FAULTS,
    "faults of TLS": test_tls_faults.FAULTS,
    "bodies": test_bodies.BODIES,
    "base URLs": test_hosts.HOSTS,
    "proxies in the environment": test_hosts.WAYS,
    "places where the key may show": test_key_places.PLACES,
    "failing calls of users' own": [
        (way, fault) for way in test_failing_calls.WAYS for fault in test_failing_calls.ERRORS
    ],
}


@pytest.mark.parametrize("name", TABLES)
def test_the_count_in_the_docs_is_true(name: str) -> None:
    [rows] = re.findall(rf"^\| (\d+) \| {re.escape(name)}\b", CONTRIBUTING.read_text(), re.MULTILINE)
    assert len(TABLES[name]) == int(rows)


@pytest.mark.parametrize("name", TABLES)
def test_no_row_is_there_twice(name: str) -> None:
    names = Counter(repr(getattr(row, "name", row)) for row in TABLES[name])
    assert [row for row, count in names.items() if count > 1] == []
