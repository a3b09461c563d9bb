"""Another key, or none: what reads the default account follows, or says that it doesn't."""

from __future__ import annotations

import getpass
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from evolink_nb.api.client import EvoLinkClient
from evolink_nb.api.credentials import API_KEY_VARIABLE
from evolink_nb.demo import OTHER_KEY
from evolink_nb.polling.fetcher import CreditsFetcher, shared_fetchers
from tests.support.metered import LINE
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from evolink_nb.metering.ledger import MemoryLedger
    from tests.support.shell import Shell, Shown

STAYS = "Tracking stays on the account chosen with %evolink_track.\n"
CALL = "account.spend(2, key=other)\nimport time; time.sleep(0.1)"


@pytest.fixture(autouse=True)
def other_key(shell: Shell, demo_server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Another key of the same account; `%evolink_login` is given it."""
    key = demo_server.key_of(OTHER_KEY)
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: key)
    shell.ip.user_ns["other"] = OTHER_KEY
    return key


def log_in(shell: Shell) -> Shown:
    shown = shell.run("c = %evolink_login")
    assert shown.error is None
    return shown


def tracked(shell: Shell) -> CreditsFetcher | None:
    return shell.cells._tracked


def test_tracking_follows_a_login(shell: Shell, book: MemoryLedger) -> None:
    shell.run("%evolink_track on")
    before = tracked(shell)
    assert before is not None
    assert "Tracking now reads this key.\n" in log_in(shell).err
    assert tracked(shell) is not before
    assert not before.running
    shell.run(CALL)
    wait_until(book.entries)
    assert book.entries()[0].cost.token == Decimal(2)
    # Nothing has changed: nothing to say.
    assert log_in(shell).err == ""


def test_tracking_follows_the_environment(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, other_key: str
) -> None:
    shell.run("%evolink_track on")
    before = tracked(shell)
    monkeypatch.setenv(API_KEY_VARIABLE, other_key)
    shown = shell.run("%evolink_credits")
    assert shown.err == "Tracking now reads this key.\n"
    assert tracked(shell) is not before


def test_measured_cell_finds_the_new_key(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, other_key: str, book: MemoryLedger
) -> None:
    shell.run(f"{LINE} --settle 30\naccount.spend(1)")
    monkeypatch.setenv(API_KEY_VARIABLE, other_key)
    shell.run(f"{LINE} --settle 30\naccount.spend(2, key=other)")
    assert [entry.cost.token for entry in book.entries()] == [Decimal(1), Decimal(2)]


@pytest.mark.parametrize("options", ["--demo", "--key-env NAMED_KEY"])
def test_tracking_of_a_named_account_says_so(
    shell: Shell, demo_server: DemoServer, monkeypatch: pytest.MonkeyPatch, options: str
) -> None:
    monkeypatch.setenv("NAMED_KEY", demo_server.key)
    shell.run(f"%evolink_track on {options}")
    before = tracked(shell)
    assert STAYS in log_in(shell).err
    assert tracked(shell) is before


def test_tracking_ends_with_the_last_key(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(API_KEY_VARIABLE)
    log_in(shell)
    shell.run("%evolink_track on")
    assert shell.run("%evolink_login --forget").err == "Tracking off: there is no key.\n"
    assert tracked(shell) is None
    assert not any(fetcher.running for fetcher in shared_fetchers())


def test_forgotten_login_leads_back(shell: Shell) -> None:
    shell.run("%evolink_track on")
    first = tracked(shell)
    log_in(shell)
    assert "Tracking now reads this key." in shell.run("%evolink_login --forget").err
    assert tracked(shell) is first


def test_budget_says_that_it_stays(shell: Shell) -> None:
    """What it has counted was spent with the other key."""
    shell.run("import evolink_nb; session = evolink_nb.budget(5)\nc = %evolink_credits")
    said = log_in(shell).err
    still = "The session's budget of 5 credits still watches the previous key's spending, not this key's."
    assert still in said
    assert "evolink_nb.budget(…)" in said
    shell.run("session.cancel()")
    assert "budget" not in shell.run("%evolink_login --forget").err


def test_refused_key_changes_nothing(shell: Shell, demo_server: DemoServer) -> None:
    shell.run("%evolink_track on")
    before = tracked(shell)
    demo_server.fault(status=401)
    assert shell.run("%evolink_login").error is not None
    assert tracked(shell) is before


@pytest.mark.parametrize("line", ["%evolink_credits", f"{LINE}\naccount.spend(1)", "%evolink_track on"])
def test_a_known_account_needs_no_client(shell: Shell, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """Each cell waits for what its magic does before it."""
    shell.run("c = %evolink_credits")

    made = []
    monkeypatch.setattr(EvoLinkClient, "__init__", lambda *_, **__: made.append(1))
    shell.run(line)
    assert made == []


def test_it_says_where_the_key_is_from(shell: Shell) -> None:
    shell.run("c = %evolink_credits")
    [fetcher] = shared_fetchers()
    assert f"key from {API_KEY_VARIABLE}" in repr(fetcher)
