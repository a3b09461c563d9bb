"""The operations that steer the simulation from another process: faults, top-ups, and what others spend."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from .answers import Answer, RefusedError, error_answer, invalid, json_answer
from .call import Call, Fields
from .faults import Fault, InvalidFaultError
from .ledger import OutOfCreditsError
from .picture import picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ledger import Amount


def switch_fault_on(call: Call) -> Answer:
    """Switch on the fault that the body describes, with the names of `Fault`."""
    content = {
        name: float(value) if isinstance(value, Decimal) else value
        for name, value in Fields(call.body).content.items()
    }
    try:
        call.server.switch_on(Fault.from_fields(content))
    except InvalidFaultError as fault:
        raise invalid(fault.field, str(fault)) from None
    return json_answer({"success": True})


def clear_faults(call: Call) -> Answer:
    """Switch every fault off."""
    call.server.clear_faults()
    return json_answer({"success": True})


def top_up(call: Call) -> Answer:
    """Add credits to the account; with a key's name, to that key's limit too."""
    fields = Fields(call.body)
    key = fields.key(call.account, None)
    return _move(call, fields, partial(call.account.top_up, key=key))


def spend(call: Call) -> Answer:
    """Spend credits, settled at once, with the calling key or the one named."""
    fields = Fields(call.body)
    key = fields.key(call.account, call.key) or call.key
    return _move(call, fields, partial(call.account.spend, key=key))


def settle(call: Call) -> Answer:
    """Settle every outstanding call now."""
    call.account.settle_all()
    return _balance(call)


def requests_seen(call: Call) -> Answer:
    """Answer with how many requests each path has had."""
    return json_answer({"requests": dict(call.server.requests_seen)})


def result(call: Call) -> Answer:
    """Answer with the picture of that name: what a task is said to have made."""
    if not call.place.endswith(".png"):
        raise RefusedError(error_answer(404))
    return Answer(200, picture(call.place), "image/png")


def _move(call: Call, fields: Fields, move: Callable[[Amount], object]) -> Answer:
    try:
        move(fields.credits("credits"))
    except OutOfCreditsError:
        raise RefusedError(error_answer(402)) from None
    except ValueError as error:
        raise invalid("credits", str(error)) from None
    return _balance(call)


def _balance(call: Call) -> Answer:
    return json_answer({"data": call.account.balance(call.key), "success": True})
