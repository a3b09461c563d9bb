"""The quiet time: how long an account must rest before its figures are believed, learned for each account.

An endpoint may answer from a cache, flush its counters every few seconds, or charge some time after a call.
Two equal readings in quick succession then prove nothing; no movement for long enough does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

QUIET = 6.0
"""The initial quiet time, in seconds: servers of this family update counters in batches of 5 s by default."""
LAG_MARGIN = 1.25
"""The factor by which an account must rest longer than the longest lag seen."""
MAX_QUIET = 20.0
"""The longest quiet time ever learned, in seconds: if readings are rare, the true lag may be far shorter."""

LAGS_KEPT = 20
"""The number of lags remembered beside the longest, which may turn out to be another kernel's work."""

SETTLE_SHARE = 0.9
"""The share of the time to settle that may be quiet time: the rest is for the charges to show."""
MIN_SETTLE = 1.0
"""The shortest time to settle that says anything about the account, in seconds."""


def quiet_for(settle: float, *, quiet: float, lag: float) -> float:
    """Return the quiet time of work, which is no longer than its time to settle allows.

    A user who sets a shorter time to settle says that the account is that fast; it is still not assumed to be
    faster than it was seen to be.

    Args:
        settle: The longest time to keep reading the work's cost, in seconds.
        quiet: The account's quiet time, in seconds.
        lag: The longest lag seen, in seconds.
    """
    if settle < MIN_SETTLE:
        return quiet
    return min(quiet, max(SETTLE_SHARE * settle, LAG_MARGIN * lag))


@dataclass(slots=True)
class QuietTime:
    """The quiet time of one account.

    Attributes:
        setting: The initial quiet time, in seconds.
        longest_lag: The longest time seen between the end of work and a charge for it, in seconds.
    """

    setting: float = QUIET
    longest_lag: float = 0.0
    _shorter: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long nothing must move, in seconds: never less than the setting."""
        # The setting covers any lag up to it.
        if self.longest_lag <= self.setting:
            return self.setting
        return max(self.setting, min(self.longest_lag * LAG_MARGIN, MAX_QUIET))

    def seconds_for(self, settle: float) -> float:
        """Return the quiet time of work, in seconds.

        Args:
            settle: The longest time to keep reading the work's cost, in seconds.
        """
        return quiet_for(settle, quiet=self.seconds, lag=self.longest_lag)

    def learn(self, lag: float) -> None:
        """Record how long after the end of work its charge was seen.

        Args:
            lag: Seconds from the end of the work to the reading that showed the charge.
        """
        *shorter, self.longest_lag = sorted((*self._shorter, self.longest_lag, lag))
        self._shorter = shorter[-LAGS_KEPT:]

    def unlearn(self, lag: float) -> None:
        """Forget a lag that was learned, because the charge was another kernel's.

        Args:
            lag: The lag, in seconds.
        """
        self.longest_lag, self._shorter = self.longest_without(lag), self._without(lag)[:-1]

    def longest_without(self, lag: float) -> float:
        """Return the longest lag seen but for one that was learned, in seconds; 0 if there is no other.

        Args:
            lag: The one, in seconds.
        """
        return max(self._without(lag), default=0.0)

    def _without(self, lag: float) -> list[float]:
        lags = [*self._shorter, self.longest_lag]
        if lag in lags:
            lags.remove(lag)
        return lags


@dataclass
class QuietTimes:
    """The quiet times of this process's accounts, which outlive their fetchers.

    Attributes:
        setting: The initial quiet time of accounts, in seconds.
    """

    setting: float = QUIET
    _known: dict[str, QuietTime] = field(default_factory=dict)

    def of(self, identity: str) -> QuietTime:
        """Return the quiet time of an account.

        Args:
            identity: The identity of the account's client.
        """
        return self._known.setdefault(identity, QuietTime(self.setting))

    def begin_with(self, seconds: float) -> None:
        """Set the initial quiet time of all accounts.

        Args:
            seconds: The quiet time; lags already learned still count.
        """
        self.setting = seconds
        for each in self._known.values():
            each.setting = seconds


quiet_times = QuietTimes()
"""The quiet times of this process's accounts."""
