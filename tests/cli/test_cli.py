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
from evolink_nb.cli import BELOW, OK, UNAVAILABLE, USAGE, main

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
    assert printed.err == "evolink-nb: less than 5000 credits left to spend.\n"


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
        ("credits", ["--json", "--min"]),
        ("demo", ["--no-browser", "--port", "--seed"]),
    ):
        assert usage_error([command, "--help"]) == 0
        printed = capsys.readouterr().out
        assert all(option in printed for option in options)


def test_the_command_is_installed(simulated_account: DemoServer) -> None:
    command = Path(sys.executable).parent / "evolink-nb"
    done = subprocess.run(
        [command, "credits", "--min", "2000"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == BELOW
    assert "1,095.3996" in done.stdout
    assert simulated_account.requests_seen["/v1/credits"] == 1
