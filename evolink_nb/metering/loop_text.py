"""The text a loop shows of its cost, on its bar and in lines above it. Pure functions."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, TextIO

from ..credits import difference, product, times_covered
from ..formatting import MINUS, counted, format_amount, format_time, in_credits

if TYPE_CHECKING:
    from .cost import Cost
    from .loop_spend import LoopSpend

# Digits shown of an item's cost, and of a projected total.
_EACH = Context(prec=4, rounding=ROUND_HALF_EVEN, traps=[])
_ESTIMATE = Context(prec=3, rounding=ROUND_HALF_EVEN, traps=[])

_ABOUT, _DOT = "\N{ALMOST EQUAL TO}", "\N{MIDDLE DOT}"
_PLAIN = {_ABOUT: "about", _DOT: "|", MINUS: "-"}


def bar_text(spend: LoopSpend, *, unread_for: float | None = None) -> str:
    """Return the text after a bar's items.

    Args:
        spend: What the loop has spent.
        unread_for: Seconds since the balance was read, if worth showing.
    """
    if spend.reading is None or spend.spent is None:
        return "balance not read"
    parts = []
    if spend.items:
        parts.append(f"{format_amount(spend.spent)} spent")
    if spend.per_item is not None:
        parts.append(f"{per_item(spend.per_item)} each")
    if spend.projected is not None and spend.length is not None and spend.items < spend.length:
        parts.append(f"{_ABOUT} {_rounded(spend.projected, _ESTIMATE)} total")
    parts.append(f"{format_amount(spend.reading.spendable)} left")
    if unread_for is not None:
        parts.append(f"not read for {format_time(unread_for)}")
    return f" {_DOT} ".join(parts)


def affordability(spend: LoopSpend, spendable: Decimal, each: Decimal) -> str:
    """Return the line before the first item, from earlier runs.

    Args:
        spend: The loop's limit and length.
        spendable: Credits that can be spent.
        each: The cost of an item in earlier runs, in credits above 0.
    """
    line = f"In earlier runs an item cost {counted(per_item(each), 'credit')}: "
    if spend.length:
        all_of_them = counted(_rounded(product(each, spend.length), _ESTIMATE), "credit")
        line += f"{spend.length} items {_ABOUT} {all_of_them}, "
    line += f"{format_amount(spendable)} left"
    allowed = spendable
    if spend.limit is not None:
        line += f" and {format_amount(spend.limit)} allowed"
        if difference(spend.limit, spendable) < 0:
            allowed = spend.limit
    enough = times_covered(allowed, each)
    if spend.length and enough >= spend.length:
        return f"{line}, enough for all."
    return f"{line}, enough for about {enough}."


def cost_text(spend: LoopSpend, cost: Cost, *, is_of_key: bool, is_fresh: bool) -> str:
    """Return the line that states the cost of a loop that has ended.

    Args:
        spend: The cost according to the readings between items.
        cost: The loop's cost, as far as known.
        is_of_key: Whether that is the key's spending; if not, the account's, as the key's counter is frozen.
        is_fresh: Whether the balance has been read since the loop ended.
    """
    each = spend.per_item
    if spend.spent is None or (each is None and not is_fresh):
        return f"cost unknown: {cost.reason}"
    text = in_credits(spend.spent) + ("" if is_of_key else " (account)")
    text += "" if each is None else f", {per_item(each)} each"
    if not is_fresh:
        return f"{text}; read after item {spend.items}, and not since"
    if not cost.settled:
        return f"{text}; not settled yet"
    return text if cost.confidence == "clean" else f"{text}; {cost.confidence}: {cost.reason}"


def why_stopped(spend: LoopSpend) -> str:
    """Return why the next item would exceed the limit of a loop that has one."""
    assert spend.limit is not None and spend.spent is not None  # for mypy  # noqa: S101, PT018
    so_far = f"{format_amount(spend.spent)} of {in_credits(spend.limit)} spent"
    if spend.over is not None:
        return f"{so_far}; {why_over(*spend.over)}"
    if spend.dearest:
        return f"{so_far}, and an item has cost up to {format_amount(spend.dearest)}."
    if spend.expected is not None:
        return f"{so_far}, and an item cost {per_item(spend.expected)} in earlier runs."
    return f"{so_far}."


def why_over(item: int, cost: Decimal) -> str:
    """Return which item took a loop over its limit.

    Args:
        item: Its number, counted from 1.
        cost: Its cost, in credits.
    """
    if item == 1:
        return f"item 1 alone cost {format_amount(cost)}."
    return f"item {item} cost {format_amount(cost)}, more than any before it."


def per_item(amount: Decimal) -> str:
    """Return the cost of an item in credits, as text."""
    return _rounded(amount, _EACH)


def encodable(text: str, stream: TextIO) -> str:
    """Return ``text`` in characters that ``stream`` can write: an encoding error must not stop the work."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for sign, plain in _PLAIN.items():
            text = text.replace(sign, plain)
        return text.encode(encoding, "replace").decode(encoding)
    return text


def _rounded(amount: Decimal, digits: Context) -> str:
    return format_amount(digits.plus(amount))
