"""A history's snapshot as Prometheus metrics: the only module that knows prometheus_client.

Labels are bounded: keys, accounts, at most 100 users. Notebooks are not among them: for those, let Grafana
query the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from .._version import __version__

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from ..history.queries.snapshot import KeyFigures, Snapshot
    from ..periods import Per

USER_LABELS = ("user", "window")
KEY_LABELS = ("key", "account", "simulated")


class HistoryCollector(Collector):
    """Collects metrics from the latest snapshot of a history; never waits for the history."""

    def __init__(
        self,
        latest: Callable[[], Snapshot | None],
        is_up: Callable[[], bool],
        budgets: tuple[tuple[Per, float], ...] = (),
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Create a collector.

        Args:
            latest: Returns the latest snapshot; None before the first.
            is_up: Returns whether the last attempt to read the history succeeded.
            budgets: Budgets of each key, in the order of the snapshot's periods.
            now: Returns the time by the database's clock.
        """
        self._latest = latest
        self._is_up = is_up
        self._budgets = budgets
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        yield InfoMetricFamily("evolink_nb", "The exporter.", value={"version": __version__})
        up = "Whether the history could be read the last time."
        yield GaugeMetricFamily("evolink_history_up", up, value=float(self._is_up()))
        snapshot = self._latest()
        if snapshot is None:
            return
        names = _names(snapshot.keys)
        yield from self._balances(snapshot, names)
        yield from self._spending(snapshot, names)
        yield from self._budgets_left(snapshot, names)

    def _balances(self, snapshot: Snapshot, names: list[list[str]]) -> Iterator[Metric]:
        account_left = _gauge("evolink_account_remaining_credits", "Credits that the account has left.")
        key_left = _gauge("evolink_key_remaining_credits", "Credits that the key may spend; unlimited: none.")
        spendable = _gauge("evolink_spendable_credits", "Credits that can be spent: the smaller of both.")
        age = _gauge("evolink_reading_age_seconds", "Seconds since the key's balance was read.")
        account_used = CounterMetricFamily(
            "evolink_account_used_credits", "Credits that the account has used.", labels=KEY_LABELS
        )
        key_used = CounterMetricFamily(
            "evolink_key_used_credits", "Credits that the key has used.", labels=KEY_LABELS
        )
        for figures, labels in zip(snapshot.keys, names, strict=True):
            token, user = figures.credits.token, figures.credits.user
            account_left.add_metric(labels, float(user.remaining))
            account_used.add_metric(labels, float(user.used))
            key_used.add_metric(labels, float(token.used))
            if not token.unlimited:
                key_left.add_metric(labels, float(token.remaining))
            spendable.add_metric(labels, float(figures.credits.spendable))
            age.add_metric(labels, max((self._now() - figures.read_at).total_seconds(), 0.0))
        yield from (account_left, account_used, key_left, key_used, spendable, age)

    @staticmethod
    def _spending(snapshot: Snapshot, names: list[list[str]]) -> Iterator[Metric]:
        burn = _gauge("evolink_burn_credits_per_hour", "Credits that the key spent in the last hour.")
        runway = _gauge("evolink_runway_seconds", "Seconds that the credits last at that rate.")
        by_key = _gauge("evolink_key_spent_credits", "Credits that the key spent recently.", "window")
        for figures, labels in zip(snapshot.keys, names, strict=True):
            burn.add_metric(labels, float(figures.burn_per_hour))
            runway.add_metric(labels, figures.runway)
            for window, spent in figures.spent.items():
                by_key.add_metric([*labels, window], float(spent))
        by_user = GaugeMetricFamily(
            "evolink_user_spent_credits",
            "Credits that measured work of a user cost.",
            labels=USER_LABELS,
        )
        for user, windows in snapshot.users.items():
            for window, spent in windows.items():
                by_user.add_metric([user, window], float(spent))
        yield from (burn, runway, by_key, by_user)

    def _budgets_left(self, snapshot: Snapshot, names: list[list[str]]) -> Iterator[Metric]:
        left = _gauge("evolink_budget_remaining_credits", "Credits left of a period's budget.", "per")
        for figures, labels in zip(snapshot.keys, names, strict=True):
            for (per, limit), spent in zip(self._budgets, figures.in_periods, strict=True):
                left.add_metric([*labels, per], limit - float(spent))
        yield left


def _gauge(name: str, text: str, *more: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=(*KEY_LABELS, *more))


def _names(keys: list[KeyFigures]) -> list[list[str]]:
    """Return the labels of each key; keys with the same name are numbered."""
    seen: Counter[tuple[str, str, bool]] = Counter()
    found = []
    for figures in keys:
        same = (figures.key, figures.account, figures.simulated)
        seen[same] += 1
        name = figures.key if seen[same] == 1 else f"{figures.key} ({seen[same]})"
        found.append([name, figures.account, "true" if figures.simulated else "false"])
    return found
