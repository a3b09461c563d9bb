"""The operations that control the simulation: faults, top-ups, spending by others, and pictures."""

from __future__ import annotations

import hashlib
import struct
import zlib
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from .balances import OutOfCreditsError
from .faults import Fault, InvalidFaultError
from .messages import Fields, RefusedError, Response, error_response, invalid, json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from .balances import Amount
    from .operations import Call

PICTURE_SIDE = 64
"""The side of a picture, in pixels."""


def switch_fault_on(call: Call) -> Response:
    """Switch on the fault described by the body, with the field names of `Fault`."""
    content = {
        name: float(value) if isinstance(value, Decimal) else value
        for name, value in Fields(call.body).content.items()
    }
    try:
        call.faults.switch_on(Fault.from_fields(content))
    except InvalidFaultError as fault:
        raise invalid(fault.field, str(fault)) from None
    return json_response({"success": True})


def clear_faults(call: Call) -> Response:
    """Switch every fault off."""
    call.faults.clear()
    return json_response({"success": True})


def top_up(call: Call) -> Response:
    """Add credits to the account, and to a key's limit if the body names one."""
    fields = Fields(call.body)
    key = fields.choice("key", call.account.keys, None)
    return _move(call, fields, partial(call.account.top_up, key=key))


def spend(call: Call) -> Response:
    """Spend credits, settled at once, with the calling key or the one named."""
    fields = Fields(call.body)
    key = fields.choice("key", call.account.keys, call.key) or call.key
    return _move(call, fields, partial(call.account.spend, key=key))


def settle(call: Call) -> Response:
    """Settle every outstanding call now."""
    call.account.settle_all()
    return _balance(call)


def requests_seen(call: Call) -> Response:
    """Return the number of requests to each path."""
    return json_response({"requests": dict(call.log.counts)})


def result(call: Call) -> Response:
    """Return the picture with that name, which stands for a task's result."""
    if not call.name.endswith(".png"):
        raise RefusedError(error_response(404))
    return Response(200, (("Content-Type", "image/png"),), picture(call.name))


def picture(name: str) -> bytes:
    """Return a PNG of a gradient between two colours derived from the name."""
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).digest()
    first, second = digest[:3], digest[3:6]
    rows = bytearray()
    for y in range(PICTURE_SIDE):
        rows.append(0)  # each row starts with its filter type: none
        for x in range(PICTURE_SIDE):
            share = x + y
            colours = zip(first, second, strict=True)
            rows.extend(
                (a * (2 * PICTURE_SIDE - share) + b * share) // (2 * PICTURE_SIDE) for a, b in colours
            )
    header = struct.pack(">2I5B", PICTURE_SIDE, PICTURE_SIDE, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(bytes(rows))) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _move(call: Call, fields: Fields, move: Callable[[Amount], object]) -> Response:
    try:
        move(fields.credits("credits"))
    except OutOfCreditsError:
        raise RefusedError(error_response(402)) from None
    except ValueError as error:
        raise invalid("credits", str(error)) from None
    return _balance(call)


def _balance(call: Call) -> Response:
    return json_response({"data": call.account.balance(call.key), "success": True})


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
