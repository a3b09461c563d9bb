"""``evolink-nb credits``: what it prints, and the exit codes that scripts rely on."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evolink_nb import EvoLinkClient, __version__
from evolink_nb.cli import BELOW, OK, UNAVAILABLE, USAGE, grammar, main, values
from evolink_nb.history import looking_back
from evolink_nb.history.reports import spans
from evolink_nb.notebook import arguments
from evolink_nb.periods import Per

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer


def usage_error(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.usefixtures("simulated_account")
def test_credits_prints_the_balance(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["credits"]) == OK
    printed = capsys.readouterr()
    assert "1,095.3996 credits left" in printed.out
    assert "99,416.4429 credits left" in printed.out
    assert "(demo data)" in printed.out
    assert printed.err == ""


def test_credits_prints_json(simulated_account: DemoServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["credits", "--json"]) == OK
    answer = json.loads(capsys.readouterr().out, parse_float=Decimal)
    assert answer["data"] == simulated_account.account.balance()
    assert (answer["spendable"], answer["binding"]) == (Decimal("1095.3996"), "user")


@pytest.mark.usefixtures("simulated_account")
@pytest.mark.parametrize(
    ("minimum", "code"),
    [
        ("50", OK),
        ("1095.3996", OK),
        ("1095.39960000001", OK),  # dust
        ("1095.3997", BELOW),
        ("-5", OK),
        ("2e3", BELOW),
    ],
)
def test_balance_below_min_is_exit_code_1(
    minimum: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["credits", f"--min={minimum}"]) == code
    printed = capsys.readouterr()
    assert "1,095.3996" in printed.out
    assert ("less than" in printed.err) == (code == BELOW)


@pytest.mark.usefixtures("simulated_account")
def test_json_and_min_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["credits", "--json", "--min", "5000"]) == BELOW
    printed = capsys.readouterr()
    assert json.loads(printed.out)["binding"] == "user"
    message = "less than 5000 credits left to spend."
    assert json.loads(printed.err) == {"error": {"type": "BelowMinimum", "message": message, "exit_code": 1}}


def test_min_is_of_what_the_key_may_spend(
    monkeypatch: pytest.MonkeyPatch, simulated_account: DemoServer, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", simulated_account.key_of("other"))
    assert main(["credits", "--min", "1095"]) == OK  # an unlimited key: its 0 left means nothing
    assert "no limit of its own" in capsys.readouterr().out


@pytest.mark.parametrize(
    "fault", [{"status": 401}, {"status": 500}, {"body": "html"}, {"connection": "refuse"}]
)
def test_unreadable_balance_is_exit_code_69(
    simulated_account: DemoServer, fault: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    simulated_account.fault(**fault)  # type: ignore[arg-type]
    assert main(["credits", "--min", "1"]) == UNAVAILABLE == 69
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("evolink-nb: ")
    assert simulated_account.key not in printed.err


@pytest.mark.parametrize(
    ("status", "kind", "code"), [(401, "AuthenticationError", 69), (429, "RateLimitError", 69)]
)
def test_failure_is_json_where_results_are(
    simulated_account: DemoServer, status: int, kind: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error: what reads the results must not take it for one."""
    simulated_account.fault(status=status, times=5)
    assert main(["credits", "--json"]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    error = json.loads(printed.err)["error"]
    assert (error["type"], error["status"], error["exit_code"]) == (kind, status, code)
    assert error["message"]
    assert error["hint"]
    assert simulated_account.key not in printed.err


def test_bad_usage_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert usage_error(["credits", "--json", "--frobnicate"]) == USAGE
    assert json.loads(capsys.readouterr().err)["error"]["type"] == "BadUsage"


@pytest.mark.usefixtures("simulated_account")
@pytest.mark.parametrize(("minimum", "code"), [("50", OK), ("5000", BELOW)])
def test_quiet_says_it_by_the_exit_code(minimum: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["credits", "--quiet", "--min", minimum]) == code
    assert capsys.readouterr() == ("", "")


def test_quiet_does_not_hide_errors(
    simulated_account: DemoServer, capsys: pytest.CaptureFixture[str]
) -> None:
    simulated_account.fault(status=401)
    assert main(["credits", "--quiet"]) == UNAVAILABLE
    assert "answered 401" in capsys.readouterr().err


def test_demo_needs_no_key() -> None:
    command = [sys.executable, "-m", "evolink_nb", "credits", "--demo"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=180)
    assert "(demo data)" in done.stdout


def test_key_comes_from_a_named_variable(
    monkeypatch: pytest.MonkeyPatch, demo_server: DemoServer, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVOLINK_BASE_URL", demo_server.url)
    monkeypatch.setenv("TEAM_KEY", demo_server.key)
    assert main(["credits", "--key-env", "TEAM_KEY"]) == OK
    assert main(["credits", "--key-env", "NO_KEY"]) == USAGE
    assert "NO_KEY is not set" in capsys.readouterr().err


@pytest.mark.usefixtures("simulated_account")
def test_every_goes_with_watch(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["credits", "--every", "60"]) == USAGE
    assert "--every goes with --watch" in capsys.readouterr().err


def test_module_is_the_command(simulated_account: DemoServer) -> None:
    command = [sys.executable, "-m", "evolink_nb", "credits", "--min", "2000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == BELOW
    assert "1,095.3996" in done.stdout
    assert simulated_account.requests_seen["/v1/credits"] == 1


def test_ctrl_c_is_exit_code_130(
    simulated_account: DemoServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: EvoLinkClient) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(EvoLinkClient, "get_credits", interrupt)
    assert main(["credits"]) == 130
    assert capsys.readouterr() == ("", "")
    assert simulated_account.requests_seen.total() == 0


def test_no_key_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["credits"]) == USAGE == 64
    assert "No EvoLink API key was found." in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["debits"],
        ["credits", "--frobnicate"],
        ["credits", "--min"],
        ["credits", "--min", "lots"],
        ["credits", "--min", "nan"],
        ["credits", "--min", "inf"],
        ["demo", "--port", "66000"],
        ["demo", "--port", "-1"],
        ["credits", "--watch", "--every", "0"],
        ["credits", "--demo", "--key-env", "X"],
        ["credits", "--js"],
        ["completion", "csh"],
    ],
    ids=" ".join,
)
def test_bad_usage_has_its_own_exit_code(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert usage_error(arguments) == USAGE
    printed = capsys.readouterr()
    assert "usage: evolink-nb" in printed.err
    assert printed.out == ""


def test_help_and_version_are_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert usage_error(["--version"]) == 0
    assert capsys.readouterr().out == f"evolink-nb {__version__}\n"
    for command, options in (
        ("credits", ["--json", "--min", "--watch", "--every", "--quiet", "--demo", "--key-env"]),
        ("login", ["--forget"]),
        ("completion", ["bash, zsh, fish"]),
        ("history", ["--since"]),
        ("demo", ["--no-browser", "--port", "--seed"]),
    ):
        assert usage_error([command, "--help"]) == 0
        printed = capsys.readouterr().out
        assert all(option in printed for option in options)
        assert f"examples:\n  evolink-nb {command}" in printed or f"(evolink-nb {command} " in printed


def test_the_command_is_installed(simulated_account: DemoServer) -> None:
    command = Path(sys.executable).parent / "evolink-nb"
    done = subprocess.run(
        [command, "credits", "--min", "2000"], capture_output=True, text=True, check=False, timeout=180
    )
    assert done.returncode == BELOW
    assert "1,095.3996" in done.stdout
    assert simulated_account.requests_seen["/v1/credits"] == 1


def test_ways_and_periods_are_the_same() -> None:
    """They are written out where --help and loading must not import what knows them."""
    assert grammar.WAYS == arguments.WAYS == looking_back.WAYS
    assert values.PERIODS == arguments.PERIODS == tuple(Per)
    assert {*arguments.COST_WAYS} == {*looking_back.WAYS} - {*spans.UNITS}
