"""One stretch of work and its cost, against an account whose true costs are known."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, assume, event, example, given, settings
from hypothesis import strategies as st

from evolink_nb.demo import OTHER_KEY, Account
from evolink_nb.metering.attribution.quiet import QUIET
from evolink_nb.metering.measurement import Measurement
from evolink_nb.metering.settlement import SettleTiming
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.simulated_time import Reader, SimulatedTime

amounts = st.decimals("0.0001", "5", places=4)
GIVEN_BACK = {"script": [("call", Decimal("0.0001"), "nothing")], "earlier": None, "settle": 30.0, "seed": 0}
"""All that a call reserved is given back."""
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


@example(kind="frozen", **GIVEN_BACK)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
    measured = Measurement(
        CreditsFetcher(Reader(account), clock=time), timing=SettleTiming(settle=settle, quiet=QUIET)
    )
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
