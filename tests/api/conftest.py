"""What tests of the API layer share: a login and a keyring of their own."""

from __future__ import annotations

from collections.abc import Iterator

import keyring
import pytest

from evolink_nb.api import credentials
from evolink_nb.api.calls import calls
from tests.support.key_sources import MemoryKeyring


@pytest.fixture(autouse=True)
def no_earlier_calls() -> None:
    """Forget earlier tests' calls: a server that has the port of another's has its clients' identity too."""
    calls.after_fork()


@pytest.fixture(autouse=True)
def no_login() -> Iterator[None]:
    """Forget the key that a test has entered."""
    yield
    credentials.login.forget()


@pytest.fixture(autouse=True)
def memory_keyring() -> Iterator[MemoryKeyring]:
    """A keyring of the test's own in place of the system's."""
    before, memory = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)
