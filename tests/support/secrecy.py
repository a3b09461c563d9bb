"""Whether a key can be found in bytes, or in an object: wherever attributes, slots and items lead."""

from __future__ import annotations

import base64
import codecs
import hashlib
import logging
from collections.abc import Iterable, Iterator
from types import MethodType, ModuleType

_LEFT_OUT = ModuleType | type | logging.Logger | logging.Manager
"""What leads to the whole program."""
_HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b", "blake2s")
_PART = 12
"""Characters of a key that nobody would guess."""


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


def forms_of(key: str, url: str) -> dict[str, bytes]:
    """Return what a key could be recovered from, or recognised by: it and its parts, however written.

    Args:
        key: The key.
        url: The base URL that it is for.
    """
    tail = key.removeprefix("sk-")
    texts = {"key": key, "tail": tail, "header": f"Bearer {key}", "identity": f"{url}\n{key}"}
    forms = {
        f"{len(part)} characters from {begin}": part.encode()
        for begin in range(len(tail) - _PART + 1)
        for part in [tail[begin : begin + _PART]]
    }
    for name, text in texts.items():
        plain = text.encode()
        forms |= {f"{name}, {how}": form for how, form in _written(plain).items()}
        for algorithm in _HASHES:
            digest = hashlib.new(algorithm, plain).digest()
            # A part tells as well who has used it.
            forms[f"{name}, {algorithm}"] = digest[:8]
            forms[f"{name}, {algorithm} in hex"] = digest[:8].hex().encode()
            forms[f"{name}, {algorithm} in base64"] = base64.b64encode(digest)[:10]
    return forms


def forms_in(content: bytes, key: str, url: str) -> list[str]:
    """Return the names of the forms of a key that are in bytes, in capital or small letters.

    Args:
        content: The bytes.
        key: The key.
        url: The base URL that it is for.
    """
    lowered = content.lower()
    return [name for name, form in forms_of(key, url).items() if form.lower() in lowered]


def _written(plain: bytes) -> dict[str, bytes]:
    """Return the ways in which programs write a text that isn't to be seen at once."""
    ways = {
        "plain": plain,
        "reversed": plain[::-1],
        "in hex": plain.hex().encode(),
        "percent-encoded": "".join(f"%{byte:02x}" for byte in plain).encode(),
        "with its dashes percent-encoded": plain.replace(b"-", b"%2d"),
        "as JSON's escapes": "".join(f"\\u{byte:04x}" for byte in plain).encode(),
        "in UTF-16": plain.decode().encode("utf-16-le"),
        "in base32": base64.b32encode(plain).rstrip(b"=")[:-1],
        "in base85": base64.b85encode(plain)[:-5],
        "in rot13": codecs.encode(plain.decode(), "rot13").encode(),
    }
    for before in range(3):
        # In the middle of a longer text its base64 depends on what is before; its ends are others' too.
        whole = base64.b64encode(bytes(before) + plain)[4 if before else 0 :]
        ways[f"in base64 after {before}"] = whole.rstrip(b"=")[:-4]
    return ways


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
