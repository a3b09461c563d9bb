"""The Grafana dashboard: what it asks Prometheus for exists, and PostgreSQL answers its queries."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from evolink_nb.history.storage.location import find_location
from evolink_nb.history.storage.store import Store
from tests.support.histories import cost, writing_to

if TYPE_CHECKING:
    from tests.support.postgres import Postgres

ROOT = Path(__file__).parents[2]
PANELS: list[dict[str, Any]] = json.loads(
    (ROOT / "docs" / "how-to" / "grafana-dashboard.json").read_text(encoding="utf-8")
)["panels"]
TARGETS = [target for panel in PANELS for target in panel["targets"]]


@pytest.mark.parametrize("expression", [target["expr"] for target in TARGETS if "expr" in target])
def test_its_metrics_exist(expression: str) -> None:
    (name,) = re.findall(r"evolink_\w+", expression)
    assert f'"{name}"' in (ROOT / "evolink_nb" / "cli" / "metrics.py").read_text(encoding="utf-8")


def test_its_queries_are_answered(postgres: Postgres) -> None:
    location = find_location(postgres.new_database())
    with writing_to(location) as writer:
        for amount in (1, "2.5"):
            writer.record_cost(cost(amount, notebook="a.ipynb", username="ada"))
        assert writer.flush(60)
    queries = [target["rawSql"] for target in TARGETS if "rawSql" in target]
    assert queries
    for query in queries:
        # What Grafana puts there.
        asked = query.replace("$__unixEpochFrom()", "0").replace("$__unixEpochTo()", "4102444800")
        with Store(location).begin(reads_only=True) as connection:
            rows = connection.execute(text(asked)).mappings().all()
        assert [str(row["credits"]) for row in rows] == ["3.5000"]
