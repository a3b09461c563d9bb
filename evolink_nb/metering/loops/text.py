"""The texts that a loop shows about its cost, on its bar and in lines above it. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, NamedTuple, TextIO

from ...credits import difference, mean, product, times_covered
from ...formatting import MINUS, counted, format_amount, format_time, in_credits

if TYPE_CHECKING:
    from ..cost import Cost
    from .spend import LoopSpend

# How many digits are shown of an item's cost, and of a projected total.
_EACH = Context(prec=4, rounding=ROUND_HALF_EVEN, traps=[])
_ESTIMATE = Context(prec=3, rounding=ROUND_HALF_EVEN, traps=[])

NOTHING = Decimal(0)

_ABOUT, _DOT = "\N{ALMOST EQUAL TO}", "\N{MIDDLE DOT}"
_PLAIN = {_ABOUT: "about", _DOT: "|", MINUS: "-"}


class Fact(NamedTuple):
    """Something that a bar says about its loop.

    Attributes:
        text: The text.
        rank: How dispensable it is: when space is short, the facts of the highest rank are left out first.
    """

    text: str
    rank: int = 0


def bar_facts(spend: LoopSpend, *, unread_for: float | None = None) -> tuple[Fact, ...]:
    """Return the facts shown after the items on a bar.

    Args:
        spend: What the loop has spent.
        unread_for: Seconds since the balance was read, if worth showing.
    """
    if spend.reading is None or spend.spent is None:
        return (Fact("balance not read"),)
    facts = []
    if spend.items:
        limit = "" if spend.limit is None else f" of {format_amount(spend.limit)}"
        facts.append(Fact(f"{format_amount(spend.spent)}{limit} spent", 1))
    if spend.per_item is not None:
        facts.append(Fact(f"{per_item(spend.per_item)} each", 3))
    if spend.projected is not None and spend.length is not None and spend.items < spend.length:
        facts.append(Fact(f"{_ABOUT} {_rounded(spend.projected, _ESTIMATE)} total", 4))
    facts.append(Fact(f"{format_amount(spend.reading.spendable)} left", 2))
    if unread_for is not None:
        facts.append(Fact(f"not read for {format_time(unread_for)}"))
    return tuple(facts)


def waiting_facts(spend: LoopSpend) -> tuple[Fact, ...]:
    """Return the facts shown while a loop waits for the charges of items that are done.

    Args:
        spend: What the loop has spent; at least one item is under way.
    """
    items = spend.under_way.items
    first, last = items[0].number, items[-1].number
    whose = f"item {last}" if first == last else f"items {first} to {last}"
    return (*bar_facts(spend), Fact(f"waiting for the charge of {whose}"))


def joined(facts: Sequence[Fact], width: int | None = None) -> str:
    """Return facts as one text.

    Args:
        facts: The facts, in the order in which they are shown.
        width: The maximum length, in characters, as far as facts can be left out; None for no maximum.
    """
    shown = list(facts)
    while width is not None and len(_joined(shown)) > width and max(fact.rank for fact in shown):
        shown.remove(max(shown, key=lambda fact: fact.rank))
    return _joined(shown)


def _joined(facts: Iterable[Fact]) -> str:
    return f" {_DOT} ".join(fact.text for fact in facts)


def affordability(spend: LoopSpend, spendable: Decimal, each: Decimal) -> str:
    """Return the line printed before the first item, based on earlier runs.

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


def done_text(done: int, begun: int, of_length: str) -> str:
    """Return how far a loop got, as the beginning of its last line.

    Args:
        done: The number of items done.
        begun: The number of items begun; one more if the loop was left during an item.
        of_length: " of" and the number of all items, if it is known.
    """
    return f"Loop left during item {begun}{of_length}:" if begun > done else f"{counted(str(done), 'item')},"


def cost_text(spend: LoopSpend, cost: Cost, *, is_fresh: bool, is_pending: bool) -> str:
    """Return the line that states the cost of a loop that has ended.

    Args:
        spend: The cost according to the readings between items.
        cost: The loop's cost, as far as known.
        is_fresh: Whether the balance has been read since the loop ended.
        is_pending: Whether more may be charged for it.
    """
    each = spend.per_item
    if spend.spent is None or (each is None and not is_fresh):
        return f"cost unknown: {cost.reason}"
    if not spend.spent and is_pending:
        return "no charge seen yet"
    text = in_credits(spend.spent) + (" (account)" if spend.is_account_wide else "")
    text += "" if each is None else f", {per_item(each)} each"
    if not is_fresh:
        return f"{text}; read after item {spend.items}, and not since"
    if is_pending:
        return f"{text}; not settled yet"
    return text + how_sure(cost) if cost.settled else text


def settled_text(cost: Cost, items: int, limit: Decimal | None) -> str:
    """Return the final cost of a loop that had not settled when it ended.

    Args:
        cost: The loop's final cost.
        items: The number of its items.
        limit: Credits that it was allowed to spend; None for no limit.
    """
    spent = cost.credits
    if spent is None:
        return f"cost unknown: {cost.reason}"
    text = in_credits(spent) + (" (account)" if cost.token is None else "")
    if spent > 0 and items:
        text += f", {per_item(mean(spent, items))} each"
    over_by = NOTHING if limit is None else difference(spent, limit)
    if over_by > 0:
        text += f", {counted(format_amount(over_by), 'credit')} over max_credits"
    return text + how_sure(cost)


def how_sure(cost: Cost) -> str:
    """Return what to add to a figure that is not sure; "" if it is sure."""
    return "" if cost.confidence in {"clean", "confirmed"} else f"; {cost.confidence}: {cost.reason}"


def why_stopped(spend: LoopSpend) -> str:
    """Return why the next item would exceed the limit of a loop that has one."""
    so_far = spent_text(spend)
    if spend.over is not None:
        return f"{so_far}; {over_text(spend)}"
    if spend.dearest:
        return f"{so_far}; the next may cost {per_item(spend.next_cost)}."
    if spend.expected is not None:
        return f"{so_far}; an item cost {per_item(spend.expected)} in earlier runs."
    return f"{so_far}."


def spent_text(spend: LoopSpend) -> str:
    """Return how much of its limit a loop has spent."""
    assert spend.limit is not None and spend.spent is not None  # for mypy  # noqa: S101, PT018
    return f"{format_amount(spend.spent)} of {in_credits(spend.limit)} spent"


def ahead_spent_text(spend: LoopSpend) -> str:
    """Return how much of its limit work running ahead of a loop has spent."""
    return spent_text(spend) + (f", and {_early_items(spend)}" if spend.early_items else "")


def early_items_text(spend: LoopSpend) -> str:
    """Return the line that says that some of a loop's items may not be in its cost."""
    return f"{_early_items(spend)}; the cost may not include them."


def _early_items(spend: LoopSpend) -> str:
    return f"{counted(str(spend.early_items), 'item')} had ended by the first reading"


def ahead_text(reason: str, *, cancelled: int, running: int) -> str:
    """Return the message that work running ahead of a loop was stopped.

    Args:
        reason: Why it was stopped.
        cancelled: The number of items that were still queued.
        running: The number of items whose calls were under way.
    """
    queued = "1 queued item was" if cancelled == 1 else f"{cancelled} queued items were"
    begun = f"; {counted(str(running), 'call')} under way may add to it" if running else ""
    return f"Stopped: {reason.rstrip('.')}. {queued} cancelled{begun}."


def ahead_over_text(spend: LoopSpend) -> str:
    """Return by how much work running ahead of a loop took the loop over its limit."""
    by = counted(format_amount(spend.over_by), "credit")
    return f"{by} over max_credits: calls were under way when it stopped."


def over_text(spend: LoopSpend) -> str:
    """Return by how much a loop went over its limit, and with which items."""
    assert spend.over is not None  # for mypy  # noqa: S101
    over, by = spend.over, f"{counted(format_amount(spend.over_by), 'credit')} over max_credits"
    if over.first != over.last:
        return f"{by}: items {over.first} to {over.last} were charged late."
    cost = format_amount(over.cost)
    if over.first == 1:
        return f"{by}: item 1 alone cost {cost}."
    if over.is_dearest:
        return f"{by}: item {over.first} cost {cost}, more than any before it."
    return f"{by}: by item {over.first}, {cost} were charged late."


def per_item(amount: Decimal) -> str:
    """Return the cost of an item in credits, as text."""
    return _rounded(amount, _EACH)


def encodable(text: str, stream: TextIO) -> str:
    """Return ``text`` in characters that ``stream`` can write: an encoding error mustn't stop the work."""
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
