"""An IPython shell with the extension loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.shell import open_shell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.shell import Shell


@pytest.fixture
def shell() -> Iterator[Shell]:
    """An IPython shell with the extension loaded."""
    with open_shell() as shell:
        yield shell
