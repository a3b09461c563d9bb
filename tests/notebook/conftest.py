"""A shell on the simulated account, and a ledger of each test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from evolink_nb.api import credentials
from tests.support.ledgers import own_ledger
from tests.support.shell import Shell, open_shell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evolink_nb.demo import DemoServer
    from evolink_nb.metering.ledger import MemoryLedger


@pytest.fixture(autouse=True)
def book() -> Iterator[MemoryLedger]:
    """A ledger of the test's own."""
    with own_ledger() as book:
        yield book


@pytest.fixture
def shell(simulated_account: DemoServer) -> Iterator[Shell]:
    """A shell whose account is the simulated one, as `account`; its cells leave everything as it was."""
    with open_shell(account=simulated_account.account) as shell:
        yield shell
    credentials.login.forget()
