"""The balance of an EvoLink account, live in a notebook.

``%load_ext evolink_nb`` registers the magics; everything else is loaded when it is first used,
so that loading costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .client import EvoLinkClient as EvoLinkClient
    from .credits import Credits as Credits
    from .errors import BudgetExceeded as BudgetExceeded
    from .errors import EvoLinkError as EvoLinkError
    from .fetcher import CreditsFetcher as CreditsFetcher
    from .metering import budget as budget
    from .metering import meter as meter
    from .tracking import track as track
    from .widget import CreditsWidget as CreditsWidget

__version__ = "0.1.0"

_ROOMS = {
    "BudgetExceeded": "errors",
    "Credits": "credits",
    "CreditsFetcher": "fetcher",
    "CreditsWidget": "widget",
    "EvoLinkClient": "client",
    "EvoLinkError": "errors",
    "budget": "metering",
    "meter": "metering",
    "track": "tracking",
}

__all__ = [  # noqa: PLE0604 - names in _ROOMS are found by __getattr__
    "__version__",
    "load_ipython_extension",
    "unload_ipython_extension",
    *_ROOMS,
]


def __getattr__(name: str) -> Any:
    """Load the room that holds ``name`` when it is first asked for."""
    if name in _ROOMS:
        return getattr(import_module(f".{_ROOMS[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics with ``shell``; what ``%load_ext evolink_nb`` calls."""
    from .magics import load  # noqa: PLC0415 - importing the package must not need IPython

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magics away and end every thread; what ``%unload_ext evolink_nb`` calls."""
    from .magics import unload  # noqa: PLC0415 - as above

    unload(shell)
