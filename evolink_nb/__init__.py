"""The balance of an EvoLink account, live in a notebook.

``%load_ext evolink_nb`` registers the magics. Each public name is imported on first use, so importing the
package costs next to nothing, and needs no IPython.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .api.client import EvoLinkClient as EvoLinkClient
    from .card.widget import CreditsWidget as CreditsWidget
    from .credits import Credits as Credits
    from .errors import BudgetExceeded as BudgetExceeded
    from .errors import EvoLinkError as EvoLinkError
    from .history.looking_back import history as history
    from .metering import ledger as ledger
    from .metering.meter import meter as meter
    from .metering.track import track as track
    from .notebook.budgets import budget as budget
    from .notebook.extension import load_ipython_extension as load_ipython_extension
    from .notebook.extension import unload_ipython_extension as unload_ipython_extension
    from .polling.fetcher import CreditsFetcher as CreditsFetcher

_MODULES = {
    "BudgetExceeded": "errors",
    "Credits": "credits",
    "CreditsFetcher": "polling.fetcher",
    "CreditsWidget": "card.widget",
    "EvoLinkClient": "api.client",
    "EvoLinkError": "errors",
    "budget": "notebook.budgets",
    "load_ipython_extension": "notebook.extension",
    "meter": "metering.meter",
    "track": "metering.track",
    "unload_ipython_extension": "notebook.extension",
}
_READING = {"CreditsFetcher", "CreditsWidget"}
"""Names whose use means repeated reading, so readings are shared with other processes from then on."""
_MEASURING = {"budget", "meter", "track"}
"""Names that measure work; its cost is recorded if a history is kept."""
_SUBMODULES = {
    # A package that can be called.
    "history": "history",
    "ledger": "metering.ledger",
}

__all__ = [  # noqa: PLE0604 - names in _MODULES are found by __getattr__
    "__version__",
    *_MODULES,
    *_SUBMODULES,
]


def __getattr__(name: str) -> Any:
    """Return a public name, importing its module on first use."""
    if name in _MODULES:
        found = getattr(import_module(f".{_MODULES[name]}", __name__), name)
        if name in _READING:
            import_module(".history.sharing.sharing", __name__).share_readings()
        if name in _MEASURING:
            import_module(".notebook.expected_work", __name__).expected_work.expect()
        return found
    if name in _SUBMODULES:
        return import_module(f".{_SUBMODULES[name]}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_SUBMODULES})
