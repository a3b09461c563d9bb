"""What scripting does one live update cost the page?

The real card in a real Chromium takes over the state of a real widget, reading after reading, and
Chromium's own trace tells how long scripts ran for each, in time of the page's thread: the card's and what
it sets off, observers too. What the same page takes without a card is taken off: it stands for the host.
"""

from __future__ import annotations

import json
import statistics
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from evolink_nb import Credits, CreditsFetcher, CreditsWidget
from evolink_nb.card.template import script, stylesheet
from evolink_nb.credits import TokenCredits, UserCredits
from tests.support.chromium import open_chromium
from tests.support.clock import SteppedClock

from .ratio import Comparison, part

if TYPE_CHECKING:
    from playwright.sync_api import Browser

UPDATES = 200
MAX_MILLISECONDS = 1.0

_SCRIPTING = {"FunctionCall", "RunMicrotasks", "EvaluateScript"}
_NOT_THE_CARDS = {"_esm", "_css", "layout"}

_SHOW = """async ({ module, states }) => {
    const source = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
    const { default: widget } = await import(source);
    const listeners = {};
    let state = states[0];
    const fire = (event) => (listeners[event] ?? []).forEach((listener) => listener());
    const model = {
        get: (name) => state[name],
        on: (event, listener) => (listeners[event] ??= []).push(listener),
        off: () => {},
        send: () => {},
    };
    widget.render({ model, el: document.getElementById("place") });
    window.update = async (next) => {
        await new Promise((done) => setTimeout(function applyUpdate() {
            const before = state;
            state = next;
            for (const name in next) if (next[name] !== before[name]) fire(`change:${name}`);
            fire("change");
            done();
        }));
        await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame);
    };
}"""
_NO_CARD = "export default { render() {} };"
_UPDATE_ALL = "async (states) => { for (const state of states) await window.update(state); }"


class _Account:
    """Spends a little before each of its readings, which are 15 s apart."""

    identity = "benchmark"

    def __init__(self) -> None:
        self.clock = SteppedClock()
        self._reads = 0

    def get_credits(self) -> Credits:
        self._reads += 1
        self.clock.seconds = 15.0 * self._reads
        spent = self._reads * Decimal("1.3601")
        return Credits(
            TokenCredits(Decimal("99416.4429") - spent, Decimal("583.5571") + spent, unlimited=False),
            UserCredits(Decimal("1095.3996") - spent, Decimal("135.9048") + spent),
            datetime.now(UTC) + timedelta(seconds=15 * self._reads),
        )

    def close(self) -> None:
        """Nothing is under way."""


def measure(share: float = 1.0) -> list[Comparison]:
    """Return the milliseconds of each update."""
    states = _states(part(UPDATES, share))
    with open_chromium() as browser:
        hosts = statistics.median(_costs(browser, states, _NO_CARD))
        costs = [cost - hosts for cost in _costs(browser, states, script())]
    return [Comparison("scripting of one live update in the page (ms)", costs, MAX_MILLISECONDS)]


def _states(updates: int) -> list[dict[str, Any]]:
    """Return what the front end knows of a widget after each reading."""
    account = _Account()
    fetcher = CreditsFetcher(account, interval=3600, clock=account.clock)
    widget = CreditsWidget(fetcher, interval=3600)
    states = []
    for _ in range(updates + 1):
        fetcher.read()
        state = widget.get_state()
        states.append({name: value for name, value in state.items() if name not in _NOT_THE_CARDS})
    widget.close()
    return states


def _costs(browser: Browser, states: list[dict[str, Any]], module: str) -> list[float]:
    """Return the milliseconds of scripting from each update of a widget to the next."""
    page = browser.new_page()
    page.set_content(f"<style>{stylesheet()}</style><div id='place'></div>")
    page.evaluate(_SHOW, {"module": module, "states": states[:1]})
    browser.start_tracing(page=page, categories=["devtools.timeline"])
    page.evaluate(_UPDATE_ALL, states[1:])
    trace = json.loads(browser.stop_tracing())
    page.close()

    updates = [event for event in trace["traceEvents"] if _function(event) == "applyUpdate"]
    thread = (updates[0]["pid"], updates[0]["tid"])
    scripts = sorted(
        (event["tts"], event["tts"] + event["tdur"])
        for event in trace["traceEvents"]
        if event["name"] in _SCRIPTING and event["ph"] == "X" and (event["pid"], event["tid"]) == thread
    )
    beginnings = sorted(event["tts"] for event in updates)
    return [_covered(scripts, begin, end) / 1000 for begin, end in pairwise([*beginnings, float("inf")])]


def _function(event: dict[str, Any]) -> str | None:
    name: str | None = event.get("args", {}).get("data", {}).get("functionName")
    return name if event["name"] == "FunctionCall" else None


def _covered(spans: list[tuple[float, float]], begin: float, end: float) -> float:
    """Return how much of the time from ``begin`` to ``end`` the sorted ``spans``, nested ones too, cover."""
    covered, reached = 0.0, begin
    for start, stop in spans:
        new = min(stop, end) - max(start, reached)
        if new > 0:
            covered += new
            reached = min(stop, end)
    return covered
