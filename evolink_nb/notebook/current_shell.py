"""Finds IPython's shell in this process, and this extension in it. Light to import: it imports no IPython."""

from __future__ import annotations

import sys
from typing import Any, Protocol

EXTENSION = "EvoLinkMagics"
"""The name under which IPython registers the loaded extension."""


class Extension(Protocol):
    """The magics of this extension, as far as others need to know them."""

    def expect_work(self) -> None:
        """Prepare for the running cell to measure or limit its work itself."""


def find_shell() -> Any:
    """Return IPython's shell; None outside IPython."""
    ipython = sys.modules.get("IPython")
    find = getattr(ipython, "get_ipython", None)
    return None if find is None else find()


def find_extension() -> Extension | None:
    """Return the extension in the shell; None if it isn't loaded."""
    shell = find_shell()
    found: Extension | None = None if shell is None else shell.magics_manager.registry.get(EXTENSION)
    return found
