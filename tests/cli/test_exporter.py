"""`evolink-nb exporter`: what Prometheus gets, and what it makes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from evolink_nb import EvoLinkClient
from evolink_nb.api.settings import DEFAULT_BASE_URL
from evolink_nb.cli import main
from evolink_nb.cli.exit_codes import OK, UNAVAILABLE, USAGE
from evolink_nb.cli.metrics import HistoryCollector
from evolink_nb.history.queries.snapshot import KeyFigures, Snapshot
from evolink_nb.history.storage.location import find_location
from evolink_nb.history.tables.records import Source
from evolink_nb.periods import Per
from tests.support.environment import free_port
from tests.support.histories import reading, writing_to
from tests.support.promtool import check
from tests.support.secrecy import forms_in
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-a-key-that-is-looked-for-0123456789abcdef"
NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
RULES = HOW_TO / "prometheus-rules.yml"


def figures(key: str = "lab", *, used: int = 900, spent: int = 10) -> KeyFigures:
    return KeyFigures(
        key,
        "account",
        simulated=False,
        credits=reading(0, used),
        read_at=NOW - timedelta(seconds=30),
        spent={"1h": Decimal(spent), "1d": Decimal(spent), "7d": Decimal(spent)},
        in_periods=(Decimal(40),),
    )


def page(snapshot: Snapshot | None, *, is_up: bool = True) -> str:
    registry = CollectorRegistry(auto_describe=False)
    budgets = ((Per.DAY, 50.0),)
    registry.register(HistoryCollector(lambda: snapshot, lambda: is_up, budgets, now=lambda: NOW))
    return generate_latest(registry).decode()


def values(text: str) -> dict[str, float]:
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("window") in {None, "1h"}
    }


def test_a_key_has_its_figures() -> None:
    found = values(page(Snapshot(NOW, [figures()], {"ada": {"1h": Decimal(3)}})))
    assert found == {
        "evolink_nb_info": 1,
        "evolink_history_up": 1,
        "evolink_account_remaining_credits": 100,
        "evolink_account_used_credits_total": 900,
        "evolink_key_remaining_credits": 100,
        "evolink_key_used_credits_total": 900,
        "evolink_spendable_credits": 100,
        "evolink_reading_age_seconds": 30,
        "evolink_burn_credits_per_hour": 10,
        "evolink_runway_seconds": 36_000,
        "evolink_key_spent_credits": 10,
        "evolink_user_spent_credits": 3,
        "evolink_budget_remaining_credits": 10,
    }


def test_no_history_is_no_zero() -> None:
    assert values(page(None, is_up=False)) == {"evolink_nb_info": 1, "evolink_history_up": 0}


def test_keys_of_one_name_are_told_apart() -> None:
    text = page(Snapshot(NOW, [figures(), figures()]))
    assert 'key="lab"' in text
    assert 'key="lab (2)"' in text


def test_promtool_accepts_the_page() -> None:
    check("check", "metrics", text=page(Snapshot(NOW, [figures('a\n"b"')], {"ada": {"1h": Decimal(3)}})))


def test_promtool_accepts_the_rules() -> None:
    assert "SUCCESS" in check("check", "rules", str(RULES))


def test_the_rules_fire_on_a_low_balance(tmp_path: Path) -> None:
    """In Prometheus's own evaluation of a balance that falls."""
    labels = '{key="lab",account="team",simulated="false"}'
    alert = """
      - eval_time: 20m
        alertname: {name}
        exp_alerts:
          - exp_labels: {{severity: warning, key: lab, account: team, simulated: "false"}}
            exp_annotations: {{summary: "{summary}"}}
    """
    summaries = {
        "EvoLinkCreditsLow": "0 EvoLink credits left for lab",
        "EvoLinkRunwayShort": "EvoLink credits of lab last 0s at this rate",
    }
    tests = "".join(alert.format(name=name, summary=summary) for name, summary in summaries.items())
    path = tmp_path / "test.yml"
    path.write_text(
        f"""
rule_files: [{RULES}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'evolink_spendable_credits{labels}'
        values: '100-5x30'
      - series: 'evolink_runway_seconds{labels}'
        values: '20000-1000x30'
      - series: 'evolink_history_up'
        values: '1x30'
    alert_rule_test:{tests}
      - eval_time: 2m
        alertname: EvoLinkCreditsLow
        exp_alerts: []
      - eval_time: 20m
        alertname: EvoLinkHistoryDown
        exp_alerts: []
""",
        encoding="utf-8",
    )
    check("test", "rules", str(path))


# -- the command ------------------------------------------------------------------------------------------


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[str]:
    """The URL of an exporter's page; the history has one key."""
    place = str(tmp_path / "history.db")
    with EvoLinkClient(KEY) as client, writing_to(find_location(place)) as writer:
        mine = Source(client.identity, client.fingerprint, label="lab")
        writer.record_reading(mine, reading(0, 900))
        assert writer.flush(60)
    process = subprocess.Popen(
        [sys.executable, "-m", "evolink_nb", "exporter", "--port", str(free_port()), "--every", "1"],
        env={**os.environ, "EVOLINK_NB_HISTORY": place},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process.stdout.readline().split()[-1]
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == OK
    process.stdout.close()


def test_a_page_is_served(exporter: str) -> None:
    def spendable() -> float | None:
        return values(requests.get(exporter, timeout=60).text).get("evolink_spendable_credits")

    wait_until(lambda: spendable() == 100)
    answer = requests.get(exporter, timeout=60)
    assert forms_in(answer.content + str(answer.headers).encode(), KEY, DEFAULT_BASE_URL) == []


def test_without_a_history_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVOLINK_NB_HISTORY", "off")
    assert main(["exporter", "--port", "0"]) == UNAVAILABLE
    assert "No history is kept" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--port", "x"], ["--budget", "50"], ["--budget", "50/year"]])
def test_bad_usage_exits_with_64(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["exporter", *arguments])
    assert exited.value.code == USAGE
