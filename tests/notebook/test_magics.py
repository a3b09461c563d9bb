"""The magics, in a real shell: what they give, show, refuse and complete."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError

from evolink_nb import errors
from evolink_nb.api import credentials, settings
from evolink_nb.credits import Credits
from tests.support.shell import Shell

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer

README = Path(__file__).parents[2] / "README.md"
LOAD = "%load_ext evolink_nb"


@pytest.fixture
def shell(simulated_account: DemoServer) -> Iterator[Shell]:  # noqa: ARG001 - it is the environment's
    """A shell whose account is the simulated one."""
    shell = Shell()
    yield shell
    shell.close()
    credentials.login.forget()


# -- %evolink_credits ----------------------------------------------------------------------------------


def test_its_value_is_the_reading_and_shows_as_a_card(shell: Shell) -> None:
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


def test_json_has_the_api_s_own_names_and_every_digit(shell: Shell, demo_server: DemoServer) -> None:
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


def test_live_in_a_terminal_says_so_and_shows_the_reading_now(shell: Shell) -> None:
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


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("--frobnicate", "unrecognized arguments: --frobnicate"),
        ("twelve", "unrecognized arguments: twelve"),
        ("--every 5", "--every goes with --live: %evolink_credits --live --every 10"),
        ("--live --every soon", "argument --every: 'soon' is not a number above 0: write 10 or 0.5"),
        ("--live --every 0", "argument --every: '0' is not a number above 0: write 10 or 0.5"),
        ("--live --every nan", "argument --every: 'nan' is not a number above 0: write 10 or 0.5"),
        ("--warn-below abc", "argument --warn-below: 'abc' is not a limit: write 50 or 2h"),
        ("--warn-below -3", "argument --warn-below: '-3' is not a limit: write 50 or 2h"),
        ("--json --live", "--json goes with neither --live nor --html."),
        ("--demo --key-env NAME", "--demo needs no key: leave out --key-env."),
        ("--key-env", "argument --key-env: expected one argument"),
        ("--key-env 'NAME", "No closing quotation."),
    ],
)
def test_bad_usage_is_one_line(shell: Shell, demo_server: DemoServer, line: str, complaint: str) -> None:
    shown = shell.run(f"%evolink_credits {line}")
    assert type(shown.error) is UsageError
    assert shown.err.strip().startswith(f"UsageError: {complaint}")
    assert len(shown.err.strip().splitlines()) == 1
    assert (shown.out, demo_server.requests_seen) == ("", {})


def test_what_the_readme_says_to_type_can_be_typed(shell: Shell) -> None:
    blocks = re.findall(r"(?:^    .*\n)+", README.read_text(encoding="utf-8"), re.MULTILINE)
    lines = [line.strip() for block in blocks if "%evolink_credits" in block for line in block.splitlines()]
    assert LOAD in lines
    for line in lines:
        shown = shell.run(line)
        assert (shown.error, shown.err) == (None, ""), line


def test_braces_and_dollars_on_the_line_are_left_alone(shell: Shell) -> None:
    shown = shell.run("name = 'x'\n%evolink_credits --key-env $name{name}")
    assert "$name{name} is not set" in shown.out


@pytest.mark.parametrize("name", ["evolink_credits", "evolink_login"])
def test_help_names_every_option(shell: Shell, name: str) -> None:
    magic = getattr(shell.ip.magics_manager.registry["EvoLinkMagics"], name)
    found = shell.ip.object_inspect(f"%{name}")
    assert found["found"]
    for action in magic.parser._actions:
        assert action.option_strings[-1] in found["docstring"]
        assert action.help in " ".join(found["docstring"].split())


def test_a_failure_is_short_and_the_last_reading_is_shown_with_its_age(
    shell: Shell, demo_server: DemoServer
) -> None:
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


def test_a_first_failure_shows_no_card(shell: Shell, demo_server: DemoServer) -> None:
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
def test_every_failure_has_its_own_error_and_leaves_the_last_reading(
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


OPTIONS = [
    *("--live", "--html", "--every", "--warn-below", "--critical-below", "--credits-per-dollar"),
    *("--json", "--demo", "--key-env"),
]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("%evolink_credits --", OPTIONS),
        ("%evolink_credits --json --w", ["--warn-below"]),
        ("c = %evolink_credits --d", []),
        ("%evolink_login --", ["--save", "--forget"]),
    ],
)
def test_options_are_completed(shell: Shell, typed: str, offered: list[str]) -> None:
    # Jedi adds what it takes for Python to every magic's options.
    shell.ip.Completer.use_jedi = False
    with provisionalcompleter():
        completions = [found.text for found in shell.ip.Completer.completions(typed, len(typed))]
    assert completions == offered
