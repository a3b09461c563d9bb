"""What the gallery shows: each state of the card, brought about as it comes about in use."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from evolink_nb.card.render import CardView
from evolink_nb.demo import Account
from tests.support.clock import BEGINNING

from .simulation import Simulation, keyless_state

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE_MARKUP = '<img src=x onerror="window.harmed = true"><script>window.harmed = true</script><b>bold</b>'
HOSTILE_NAMES = (
    "\u05d7\u05e9\u05d1\u05d5\u05df \u202e\u0634\u0631\u0643\u0629\u202c"  # Hebrew; Arabic, turned around
    " \U0001f9d1\U0001f3fd\u200d\U0001f680 \U0001f1ea\U0001f1fa is over its limit"  # of several code points
)

EXTREME = json.dumps(
    {
        "data": {
            "token": {"remaining_credits": 1e-9, "used_credits": 1e20, "unlimited_credits": False},
            "user": {"remaining_credits": 123456789012345678901234567890.1234, "used_credits": 1e30},
        },
        "success": True,
    }
)
OUTLOOK = "enough for about 1,438 more runs of draw(prompt)"
NOTICE = "The budget of 5 credits is spent (7), but the work is still running."
EVENING = ("2.9", "3.4", "1.2", "0.4", "4.8", "3.1", "2.2", "5.3", "3.9", "2.4", "3.6", "1.9", "3.3", "2.8")
"""Credits spent from reading to reading in an evening's work: about 12 a minute."""


@dataclass(frozen=True)
class Scene:
    """One state of the card, ready to be shown by a page.

    ``state`` and ``points`` are what a live card's model says, None where the card does not move and
    ``markup`` is all of it. ``now`` is the kernel's time, from which the page's is ``age`` seconds away.
    ``happens`` is what the page does to the card before it is looked at.
    """

    name: str
    caption: str
    now: datetime
    state: dict[str, Any] | None = None
    points: list[list[float]] = field(default_factory=list)
    markup: str = ""
    age: float = 4.0
    happens: Callable[[Page], None] | None = None


def scenes() -> Iterator[Scene]:
    """Make them all, one after another."""
    for make in (_daily, _ailing, _balances, _hostile, _still):
        yield from make()


def _scene(simulation: Simulation, name: str, caption: str, **more: Any) -> Scene:
    return Scene(name, caption, simulation.now, simulation.state(), simulation.points(), **more)


# -- what happens in the page --------------------------------------------------------------------------


def click_refresh(page: Page) -> None:
    """Press the button; the kernel has not answered yet."""
    page.locator('[data-action="refresh"]').click()


def click_refresh_unanswered(page: Page) -> None:
    """Press the button of a card whose kernel is busy."""
    click_refresh(page)
    page.clock.run_for(1_500)


def stay_silent(page: Page) -> None:
    """Let two minutes pass without a word from the kernel, once the card knows that it is seen."""
    deadline = time.monotonic() + 10
    # The page's own waiting stands still with its clock, and what is seen is told beside that.
    while not page.evaluate(
        "() => host.model.sent.some(({ action, visible }) => action === 'show' && visible)"
    ):
        if time.monotonic() > deadline:
            raise TimeoutError("the card never found that it is seen")
    page.clock.run_for(120_000)


def disconnect(page: Page) -> None:
    """Send the card what front ends send when the kernel has ended."""
    page.evaluate("() => host.model.emit('comm_live_update')")
    page.clock.run_for(1_000)


# -- the scenes ----------------------------------------------------------------------------------------


def _daily() -> Iterator[Scene]:
    with Simulation(fault={"latency": 60.0}) as simulation:
        simulation.server.wait_for_requests(1)
        yield _scene(simulation, "loading", "the first reading is on its way")
    with Simulation(_account()) as simulation:
        yield _scene(simulation.settle(), "first", "one reading: nothing to say about the trend yet")
    with Simulation(_account()) as simulation:
        simulation.spend(*EVENING)
        yield _scene(simulation, "live", "an ordinary evening")
        yield _scene(simulation, "refreshing", "the button was pressed", happens=click_refresh)
        yield _scene(simulation, "busy", "pressed while the kernel is busy", happens=click_refresh_unanswered)
        yield _scene(simulation, "stale", "no update for two minutes", happens=stay_silent)
        yield _scene(simulation, "gone", "the kernel has ended", happens=disconnect)
        simulation.send("pause").settle()
        yield _scene(simulation, "paused", "paused by the user, yesterday", age=100_000.0)
    with Simulation(_account(), simulated=True, warn_below=50) as simulation:
        yield _scene(simulation.spend(*EVENING), "demo", "a simulated account")
    with Simulation(_account(), credits_per_dollar=68.0) as simulation:
        yield _scene(simulation.spend(*EVENING), "worth", "with what a credit is worth")
    with Simulation(_account()) as simulation:
        simulation.spend(*EVENING).fetcher.set_message(outlook=OUTLOOK)
        yield _scene(simulation, "outlook", "what the credits are enough for, in the user's own unit")


def evening() -> Iterator[Scene]:
    """Make the scenes of one evening on one card: work that spends, until little is left."""
    with Simulation(_account("140.05", used="91.25"), warn_below=105) as simulation:
        yield _scene(simulation.settle(), "evening", "before the work")
        for amount in EVENING:
            yield _scene(simulation.spend(amount), "evening", "after another call")


def _ailing() -> Iterator[Scene]:
    with Simulation(_account()) as simulation:
        simulation.spend(*EVENING).fail(status=429, retry_after=60)
        yield _scene(simulation, "rate-limited", "the server asks for a minute")
    with Simulation(fault={"status": 401}) as simulation:
        yield _scene(simulation.settle(), "unauthorized", "a key that is not accepted")
    yield Scene("no-key", "no key yet: the card asks for one", BEGINNING, keyless_state())
    with Simulation(_account()) as simulation:
        simulation.spend(*EVENING).fail(connection="refuse")
        yield _scene(simulation, "offline", "the network went away", age=400.0)
    with Simulation(fault={"connection": "refuse"}) as simulation:
        yield _scene(simulation.settle(), "offline-from-the-start", "never reached")
    with Simulation(_account()) as simulation:
        simulation.spend(*EVENING).fail(status=500)
        yield _scene(simulation, "error", "the server has trouble")
    with Simulation(_account("91.05", used="108.95"), warn_below=60) as simulation:
        simulation.spend(*EVENING).fetcher.set_message(notice=NOTICE)
        yield _scene(simulation, "notice", "a budget is spent, and little is left besides")
        yield _scene(simulation.fail(status=500), "notice-error", "and the server has trouble too")


def _balances() -> Iterator[Scene]:
    with Simulation(_account("91.05", used="108.95"), warn_below=60) as simulation:
        yield _scene(simulation.spend(*EVENING), "low", "below the warning level")
        markup = simulation.widget.render()["text/html"]
        yield Scene("static-low", "saved while little was left", simulation.now, markup=markup)
    with Simulation(_account("59.45", used="141.75"), warn_below=50, critical_below="10 min") as simulation:
        yield _scene(simulation.spend(*EVENING), "critical", "below the critical level")
    with Simulation(_account("38.7", used="160")) as simulation:
        yield _scene(simulation.spend(*EVENING), "overdrawn", "more spent than there was")
    with Simulation(_account("0", used="160")) as simulation:
        yield _scene(simulation.settle(), "empty", "nothing left")
    with Simulation(_account(unlimited=True)) as simulation:
        yield _scene(simulation.spend(*EVENING), "unlimited", "a key without a limit of its own")
    with Simulation(_account(token="60", token_used="40"), warn_below="1h") as simulation:
        yield _scene(simulation.spend(*EVENING), "token", "the key binds; the alarm is a runway")
    with Simulation(
        _account("1234567.8901", used="7654321.1234", token="99416.4429"), credits_per_dollar=0.01
    ) as simulation:
        simulation.spend(*["1234.5678"] * 14)
        yield _scene(simulation, "large", "seven digits and four decimals")
    with Simulation(fault={"text": EXTREME}) as simulation:
        yield _scene(simulation.settle(), "extreme", "numbers no one should have")
    account = _account("99999.9999", used="0.0001", token="99416.4429")
    with Simulation(account, warn_below=99_999, critical_below="900d") as simulation:
        yield _scene(simulation.spend(*["0.0123"] * 14), "slow", "a long runway, a slow burn, an alarm")


def _hostile() -> Iterator[Scene]:
    texts = {
        "markup": ("the server's words are markup", HOSTILE_MARKUP),
        "flood": ("the server's words are 10 kB", "hostile" * 1500),
        "names": ("right-to-left and emoji names", HOSTILE_NAMES),
    }
    for name, (caption, text) in texts.items():
        with Simulation(_account()) as simulation:
            envelope = {"error": {"code": 500, "message": text, "type": "internal_server_error"}}
            simulation.spend(*EVENING).fail(status=500, text=json.dumps(envelope))
            yield _scene(simulation, name, caption)


def _still() -> Iterator[Scene]:
    with Simulation(_account(), credits_per_dollar=68.0) as simulation:
        credits = simulation.settle().fetcher.credits
        yield Scene(
            "static", "one reading that does not move", simulation.now, markup=CardView(credits).html()
        )
        simulation.spend(*EVENING)
        markup = simulation.widget.render()["text/html"]
        yield Scene(
            "static-trend", "what a saved notebook keeps of a live card", simulation.now, markup=markup
        )
        markup = simulation.fail(status=500).widget.render()["text/html"]
        yield Scene("static-error", "saved while the server had trouble", simulation.now, markup=markup)
        simulation.fetcher.set_message(notice=NOTICE, outlook=OUTLOOK)
        markup = simulation.widget.render()["text/html"]
        yield Scene("static-notice", "saved with all there is to say", simulation.now, markup=markup)


def _account(
    remaining: str = "1136.5996",
    *,
    used: str = "94.7048",
    token: str = "99457.6429",  # noqa: S107 - a token's credits, not a password
    token_used: str = "542.3571",  # noqa: S107 - as above
    unlimited: bool = False,
) -> Account:
    return Account(
        user_remaining=remaining,
        user_used=used,
        token_remaining=token,
        token_used=token_used,
        unlimited=unlimited,
    )
