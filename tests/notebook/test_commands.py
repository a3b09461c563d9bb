"""What the magics give, show and refuse, in a shell, in kernels and in notebooks run from top to bottom."""

from __future__ import annotations

import json
import threading
import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.error import UsageError

from evolink_nb import errors
from evolink_nb.api import credentials, settings
from evolink_nb.credits import Credits
from evolink_nb.metering.attribution.work import MIN_PAID_CALL_SECONDS
from evolink_nb.thread_time import thread_time
from tests.support.metered import LINE
from tests.support.shell import (
    Shell,
    settled,
)

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer

SPEND = "account.spend(2)"

TRACKING_OFF = "Tracking off: only cells with %%evolink_credits show their cost.\n"

LOAD = "%load_ext evolink_nb"


@pytest.mark.parametrize(
    ("line", "what_waits"),
    [
        ("%evolink_login", "evolink_nb.notebook.commands.ask_for_key"),
        ("%evolink_budget", "evolink_nb.notebook.session_budgets.control"),
        ("%evolink_costs --since 7d", "evolink_nb.notebook.kept.past.entries_for"),
        ("%evolink_history", "evolink_nb.notebook.kept.past.show_history"),
        ("%evolink_credits", "evolink_nb.notebook.accounts.Accounts.fetcher_for"),
        ("%evolink_track on", "evolink_nb.notebook.accounts.Accounts.fetcher_for"),
    ],
)
def test_a_magic_that_waits_spends_nothing(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, line: str, what_waits: str
) -> None:
    """The wait for a user, a database or the balance is none of the code of the cell that the magic is in."""
    waited = []

    def wait(*_: object) -> None:
        began, computed = time.monotonic(), thread_time()
        threading.Event().wait(0.2)
        waited.append((time.monotonic() - began) - (thread_time() - computed))
        raise errors.EvoLinkError("It took too long.")

    monkeypatch.setattr(what_waits, wait)
    began, computed = time.monotonic(), thread_time()
    assert isinstance(shell.run(line).error, errors.EvoLinkError)
    own = (time.monotonic() - began) - (thread_time() - computed)
    assert sum(waited) > MIN_PAID_CALL_SECONDS
    assert own < MIN_PAID_CALL_SECONDS


def test_tracking_needs_a_key(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(credentials.API_KEY_VARIABLE)
    assert isinstance(shell.run("%evolink_track on").error, errors.ConfigurationError)
    assert shell.run("%evolink_track").out == TRACKING_OFF
    assert type(shell.run("%evolink_track perhaps").error) is UsageError


def test_no_costs_yet_says_how_to_begin(shell: Shell) -> None:
    shown = shell.run("%evolink_costs")
    assert "Nothing has been measured yet." in shown.out
    assert LINE in shown.out


def test_csv_file_may_have_spaces(shell: Shell, tmp_path: Path) -> None:
    for mark, name in (("'", "the day.csv"), ('"', "the night.csv")):
        file = tmp_path / name
        assert shell.run(f"%evolink_costs --csv {mark}{file}{mark}").error is None
        assert file.read_text(encoding="utf-8").startswith("name,")


def test_csv_file_not_writable_is_one_line(shell: Shell, tmp_path: Path) -> None:
    shown = shell.run(f"%evolink_costs --csv '{tmp_path / 'nowhere' / 'bill.csv'}'")
    assert type(shown.error) is UsageError
    assert shown.err.strip().endswith("bill.csv can't be written: No such file or directory.")
    assert len(shown.err.strip().splitlines()) == 1


def test_costs_have_a_row_for_each_cell(shell: Shell) -> None:
    for amount in (2, 4):
        shell.ip.user_ns["amount"] = amount
        settled(shell, "account.spend(amount)")
    settled(shell, "account.spend(1)")
    costs = shell.run("%evolink_costs").value
    assert [(row.name, row.runs, row.total, row.last, row.change) for row in costs.rows] == [
        ("account.spend(amount)", 2, 6, 4, 2),
        ("account.spend(1)", 1, 1, 1, None),
    ]
    assert costs.total == 7


def test_costs_come_as_csv_and_pandas(shell: Shell, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settled(shell, SPEND)
    shown = shell.run("%evolink_costs --csv")
    assert shown.value is None
    header, row = shown.out.splitlines()
    assert header.startswith("name,kind,runs,")
    assert row.startswith(f"{SPEND},cell,1,0,0,2")
    assert shell.run("%evolink_costs --csv costs.csv").out == ""
    assert (tmp_path / "costs.csv").read_text() == shown.out
    table = shell.run("%evolink_costs --pandas").value
    assert list(table["total_credits"]) == [2.0]


def test_csv_goes_into_the_home_folder(shell: Shell, clean_environment: Path) -> None:
    assert shell.run("%evolink_costs --csv ~/costs.csv").error is None
    assert (clean_environment / "costs.csv").read_text().startswith("name,kind,")
    for options in ("--csv ~/no/such/folder/costs.csv", "--csv --pandas"):
        shown = shell.run(f"%evolink_costs {options}")
        assert type(shown.error) is UsageError
        assert len((shown.err + shown.out).strip().splitlines()) == 1


def test_value_is_the_reading_shown_as_card(shell: Shell) -> None:
    shown = shell.run("%evolink_credits")
    assert isinstance(shown.value, Credits)
    assert shown.value.spendable == Decimal("1095.3996")
    assert "1,095.3996" in shown.out
    assert "99,416.4429" in shown.out
    assert shown.error is None
    bundle = shell.bundle(shown.value)
    assert 'data-value="1095.3996"' in bundle["text/html"]
    assert "Account" in bundle["text/plain"]


def test_assigning_the_value_shows_nothing(shell: Shell) -> None:
    shown = shell.run("c = %evolink_credits")
    assert (shown.out, shown.err, shown.displays) == ("", "", [])
    assert shell.run("c.binding, c.user.remaining").value == ("user", Decimal("1095.3996"))


def test_each_call_reads_anew(shell: Shell, demo_server: DemoServer) -> None:
    shell.run("before = %evolink_credits")
    demo_server.account.spend("1.0396")
    shell.run("after = %evolink_credits")
    assert shell.run("before.user.remaining - after.user.remaining").value == Decimal("1.0396")
    assert demo_server.requests_seen["/v1/credits"] == 2


def test_json_has_api_names_and_every_digit(shell: Shell, demo_server: DemoServer) -> None:
    shown = shell.run("%evolink_credits --json")
    assert shown.value is None
    answer = json.loads(shown.out, parse_float=Decimal)
    assert answer["data"] == demo_server.account.balance()
    assert (answer["success"], answer["message"]) == (True, "")
    assert (answer["spendable"], answer["binding"]) == (Decimal("1095.3996"), "user")
    assert answer["simulated"] is True
    assert datetime.fromisoformat(answer["read_at"]).tzinfo is not None


def test_warn_below_marks_the_card(shell: Shell) -> None:
    for line, level in (("--warn-below 1095.4", "low"), ("--warn-below 1095.3996", "ok")):
        shown = shell.run(f"c = %evolink_credits {line}\nc")
        assert isinstance(shown.value, Credits)
        assert ("\n  low" in shown.out) == (level == "low")
        assert f'data-level="{level}"' in shell.bundle(shown.value)["text/html"]


def test_live_in_terminal_shows_the_reading(shell: Shell) -> None:
    shown = shell.run("%evolink_credits --live")
    assert shown.err.strip() == "A live card needs a notebook. The balance now:"
    assert "1,095.3996" in shown.out
    assert isinstance(shown.value, Credits)


def test_another_variable_can_hold_the_key(
    shell: Shell, demo_server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABORATORY_KEY", demo_server.key_of("other"))
    shell.run("c = %evolink_credits --key-env LABORATORY_KEY")
    assert shell.run("c.token.unlimited").value is True
    shown = shell.run("%evolink_credits --key-env NOT_SET")
    assert isinstance(shown.error, errors.ConfigurationError)
    assert "NOT_SET is not set" in shown.out


def test_demo_needs_no_key(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(credentials.API_KEY_VARIABLE)
    monkeypatch.delenv(settings.BASE_URL_VARIABLE)
    without = shell.run("%evolink_credits")
    assert isinstance(without.error, errors.ConfigurationError)
    assert len(without.out.strip().splitlines()) == 2
    for way in (credentials.API_KEY_VARIABLE, "%evolink_login", "--demo"):
        assert way in without.out
    assert "demo data" in shell.run("%evolink_credits --demo").out
    assert isinstance(shell.run("%evolink_credits").error, errors.ConfigurationError)
    monkeypatch.setenv(settings.DEMO_VARIABLE, "1")
    assert "demo data" in shell.run("%evolink_credits").out


def test_failure_shows_last_reading_with_age(shell: Shell, demo_server: DemoServer) -> None:
    shell.run("c = %evolink_credits")
    demo_server.fault(status=503, retry_after=30)
    shown = shell.run("%evolink_credits")
    assert isinstance(shown.error, errors.ServerError)
    [stale] = shown.displays
    assert "1,095.3996" in stale["text/plain"]
    assert "s ago)" in stale["text/plain"]
    assert 'data-status="stale"' in stale["text/html"]
    lines = shown.out.strip().splitlines()
    assert len(lines) == 2
    assert "ServerError: EvoLink answered 503: Service temporarily unavailable" in lines[0]
    assert lines[1] == "EvoLink suggests: retry after 30 seconds."


def test_first_failure_shows_no_card(shell: Shell, demo_server: DemoServer) -> None:
    demo_server.fault(status=401)
    shown = shell.run("%evolink_credits")
    assert isinstance(shown.error, errors.AuthenticationError)
    assert (shown.displays, shown.value) == ([], None)
    assert len(shown.out.strip().splitlines()) == 2


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        ({"status": 400}, errors.BadRequestError, "Invalid request"),
        ({"status": 401}, errors.AuthenticationError, "Invalid or expired token"),
        ({"status": 402}, errors.PaymentRequiredError, "402"),
        ({"status": 403}, errors.PermissionDeniedError, "Access denied"),
        ({"status": 404}, errors.NotFoundError, "404"),
        ({"status": 429}, errors.RateLimitError, "Rate limit exceeded"),
        ({"status": 500}, errors.ServerError, "Internal server error"),
        ({"status": 502}, errors.ServerError, "Upstream service error"),
        ({"status": 503}, errors.ServerError, "Service temporarily unavailable"),
        ({"connection": "refuse"}, errors.APIConnectionError, "refused"),
        ({"connection": "reset"}, errors.APIConnectionError, "No answer"),
        ({"body": "cut"}, errors.InvalidResponseError, "cut short"),
        ({"body": "html"}, errors.InvalidResponseError, "web page"),
        ({"body": "empty-object"}, errors.InvalidResponseError, "data is missing"),
        ({"body": "unsuccessful"}, errors.InvalidResponseError, "Balance not available"),
    ],
    ids=lambda value: next(iter(f"{word}" for word in value.values())) if isinstance(value, dict) else "",
)
def test_each_failure_has_its_own_error(
    shell: Shell, demo_server: DemoServer, fault: Any, kind: type[Exception], said: str
) -> None:
    shell.run("c = %evolink_credits")
    demo_server.fault(**fault)
    shown = shell.run("%evolink_credits")
    assert type(shown.error) is kind
    assert said in shown.out
    assert len(shown.out.strip().splitlines()) <= 2
    [stale] = shown.displays
    assert "1,095.3996" in stale["text/plain"]
    assert "ago" in stale["text/plain"]
