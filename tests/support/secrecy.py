"""Whether a key can be found in an object, by one who looks wherever attributes, slots and items lead."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from types import MethodType, ModuleType

_LEFT_OUT = ModuleType | type | logging.Logger | logging.Manager
"""What leads to the whole program."""


# Every way to look at a reading, and a failure of each kind of screen output.
CELLS = [
    "%load_ext evolink_nb",
    "%evolink_credits",
    "%evolink_credits --json",
    "%evolink_credits --live --every 0.2",
    "c = %evolink_credits\nc",
    (
        "from evolink_nb import *\nclient = EvoLinkClient()\nfetcher = CreditsFetcher.shared(client)\n"
        "widget = CreditsWidget()\nclient, fetcher, widget, client.auth"
    ),
    "print(client, fetcher, widget, client.auth, vars(client), vars(fetcher))",
    "%whos",
    "%%evolink_credits --settle 30 -o cost\n6 * 7",
    "cost, cost._measurement, vars(cost._measurement)",
    "%evolink_costs --csv",
    "from evolink_nb import ledger; ledger.current().entries()",
    "widget",
]


def reachable(start: object) -> Iterator[object]:
    """Yield an object and all that is reached from it, as object browsers reach it."""
    # Kept alive, lest another object takes its place in memory and goes unseen.
    waiting, seen = [start], {id(start): start}
    while waiting:
        value = waiting.pop()
        yield value
        for part in _parts(value):
            if id(part) not in seen and not isinstance(part, _LEFT_OUT):
                seen[id(part)] = part
                waiting.append(part)


def texts_in(start: object) -> Iterator[str]:
    """Yield every text that is reached from an object, and how everything on the way shows itself."""
    for value in reachable(start):
        yield repr(value)
        yield str(value)
        if isinstance(value, bytes | bytearray):
            yield value.decode("latin-1")


def holders_of(key: str, roots: Iterable[object]) -> list[str]:
    """Return the types of what holds the key as text, or shows it.

    Args:
        key: The text to look for.
        roots: Where to look: in these, and in all that is reached from them.
    """
    held = (value for root in roots for value in reachable(root))
    return [type(value).__name__ for value in held if _shows(value, key)]


def _shows(value: object, key: str) -> bool:
    text = value.decode("latin-1") if isinstance(value, bytes | bytearray) else str(value)
    return key in text or key in repr(value)


def _parts(value: object) -> list[object]:
    parts: list[object] = list(getattr(value, "__dict__", {}).values())
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    parts += [getattr(value, name, None) for name in slots if isinstance(name, str)]
    if isinstance(value, dict):
        parts += [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts += value
    elif isinstance(value, MethodType):
        parts.append(value.__self__)
    elif isinstance(value, BaseException):
        parts += [value.args, value.__cause__, value.__context__]
    return parts
