"""One stretch of work and its cost, against an account whose true costs are known."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from evolink_nb.demo import OTHER_KEY, Account
from evolink_nb.metering.measurement import Measurement
from evolink_nb.metering.settlement import SettleTiming
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.simulated_time import Reader, SimulatedTime

if TYPE_CHECKING:
    from collections.abc import Iterator

amounts = st.decimals("0.0001", "5", places=4)
times = st.floats(0, 4)


@st.composite
def scripts(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    """What happens during the work, and in which order."""
    call = st.tuples(st.just("call"), amounts, st.sampled_from(["full", "part", "nothing"]))
    other = st.tuples(st.just("other"), amounts)
    top_up = st.tuples(st.just("top-up"), amounts)
    wait = st.tuples(st.just("wait"), times)
    kinds = draw(st.lists(st.sampled_from([call, other, top_up, wait]), min_size=1, max_size=4))
    return draw(st.lists(st.one_of([call, wait, *kinds]), max_size=8))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    script=scripts(),
    earlier=st.none() | amounts,
    kind=st.sampled_from(["limited", "unlimited", "frozen"]),
    settle=st.sampled_from([0.0, 1.0, 30.0]),
    seed=st.integers(0, 1000),
)
def test_a_clean_cost_is_the_true_cost(
    script: list[tuple[Any, ...]], earlier: Decimal | None, kind: str, settle: float, seed: int
) -> None:
    """A clean cost is the true cost and nothing unclean is called clean."""
    time = SimulatedTime()
    account = Account(seed=seed, clock=time.monotonic, unlimited=kind != "limited", frozen=kind == "frozen")
    before = account.reserve(earlier) if earlier is not None else None
    measured = Measurement(CreditsFetcher(Reader(account), clock=time), timing=SettleTiming(settle=settle))
    measured.start()
    begun_unsettled = account.outstanding
    others = topped_up = Decimal(0)
    own, foreign = [], []
    for action, *details in script:
        if action == "call":
            amount, share = details
            cost = {"full": amount, "part": amount * Decimal("0.5"), "nothing": Decimal(0)}[share]
            own.append(account.reserve(amount, cost=cost.quantize(Decimal("0.0001"))))
        elif action == "other":
            foreign.append(account.reserve(details[0], key=OTHER_KEY))
            others += foreign[-1].amount
        elif action == "top-up":
            account.top_up(details[0])
            topped_up += details[0]
        else:
            time.seconds += details[0]
    measured.stop()
    cost = measured.settle()
    event(f"{kind}: {cost.confidence}")
    settled = {reservation.name for reservation in account.settled}
    unsettled = sum((call.amount for call in own if call.name not in settled), Decimal(0))
    settled_since = before.amount if before and begun_unsettled and before.name in settled else 0
    # Errors that cancel to the last decimal can't be seen, as cost.py says.
    assume(not unsettled or unsettled != others + settled_since)
    assume(not topped_up or cost.topped_up != 0)
    if cost.confidence == "clean":
        true = sum((account.cost_of(call.name) for call in own), Decimal(0))
        assert not unsettled
        # A call of 0.0001 may be settled for nothing.
        assert not any(account.cost_of(call.name) for call in foreign)
        assert cost.settled
        assert cost.token == cost.user == true
        assert cost.topped_up == topped_up
    elif kind == "limited" and not others and not begun_unsettled:
        # With nobody else about, all that can be in the way is time.
        assert settle < 30.0
        assert cost.confidence == "unsettled"


# No sums of these, nor of their halves, come to the same: nothing can cancel.
distinct = st.permutations([Decimal("0.0004") * 5**power for power in range(8)])
actions = st.lists(
    st.tuples(st.sampled_from(["full", "part", "nothing", "wait"]), times), min_size=0, max_size=4
)


def settle_due(time: SimulatedTime, *measured: Measurement) -> None:
    """Feed a reading to whatever waits for one by now."""
    for each in measured:
        due = each.next_read_at is None or each.next_read_at <= time.seconds
        if not each.wait(0) and due and each.feed(each.fetcher.read()):
            each.finish()


def work(
    script: list[tuple[str, float]],
    account: Account,
    time: SimulatedTime,
    prices: Iterator[Decimal],
    settling: Measurement | None = None,
) -> list[str]:
    """Do what a script says, while what is `settling` does so, and give the names of its calls."""
    names = []
    for share, seconds in script:
        if settling is not None:
            settle_due(time, settling)
        if share == "wait":
            time.seconds += seconds
            continue
        amount = next(prices)
        cost = {"full": amount, "part": amount / 2, "nothing": Decimal(0)}[share]
        names.append(account.reserve(amount, cost=cost).name)
    return names


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    first=actions,
    second=actions,
    prices=distinct,
    looked=st.booleans(),
    between=st.floats(0, 2),
    unlimited=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_two_in_a_row_are_never_wrong(
    first: list[tuple[str, float]],
    second: list[tuple[str, float]],
    prices: list[Decimal],
    looked: bool,
    between: float,
    unlimited: bool,
    seed: int,
) -> None:
    """Of two cells in a row neither is clean with a wrong cost."""
    time = SimulatedTime()
    account = Account(seed=seed, clock=time.monotonic, unlimited=unlimited)
    fetcher = CreditsFetcher(Reader(account), clock=time)
    unused = iter(prices)
    one, two = Measurement(fetcher), Measurement(fetcher)
    one.start()
    own = [work(first, account, time, unused)]
    one.stop()
    if looked:
        settle_due(time, one)
    time.seconds += between
    two.start()
    own.append(work(second, account, time, unused, settling=one))
    two.stop()
    while not (one.wait(0) and two.wait(0)):
        time.seconds += 0.1
        settle_due(time, one, two)
    for measured, names in zip((one, two), own, strict=True):
        event(f"{'first' if measured is one else 'second'}: {measured.cost.confidence}")
        if measured.cost.confidence == "clean":
            true = sum(map(account.cost_of, names), Decimal(0))
            assert measured.cost.token == measured.cost.user == true
