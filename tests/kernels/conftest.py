"""A real kernel. Only tests in this folder can use it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from evolink_nb.demo import Account, DemoServer
from tests.support.environment import account_of
from tests.support.kernel import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def account() -> Iterator[DemoServer]:
    """A simulated account on which every call costs what it reserves, soon."""
    with DemoServer(Account(settle_after=(0.3, 0.5), shortfall_rate=0, failure_rate=0)) as server:
        yield server


@pytest.fixture
def kernel(demo_server: DemoServer, tmp_path: Path) -> Iterator[Kernel]:
    """A kernel whose account is the simulated one."""
    with Kernel({**os.environ, **account_of(demo_server)}, tmp_path / "kernel.log") as kernel:
        yield kernel
