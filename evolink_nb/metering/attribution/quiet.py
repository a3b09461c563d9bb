"""The quiet time: how long an account must rest before its figures are believed, learned account by account.

An endpoint may answer from a cache, flush its counters every few seconds, or charge only after a call. Two
readings that agree at once prove nothing there; that nothing has moved for long enough does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

QUIET = 6.0
"""The quiet time to begin with, in seconds: batches of 5 s are this family's default."""
LAG_MARGIN = 1.25
"""How much longer than the longest lag seen an account must rest."""
MAX_QUIET = 20.0
"""The longest quiet time that is ever learned, in seconds: a lag seen by rare readings may be far shorter."""

SETTLE_SHARE = 0.9
"""The share of the time to settle that may be quiet time: the rest is for the charges to show."""
MIN_SETTLE = 1.0
"""The shortest time to settle that says anything of the account, in seconds."""


def quiet_for(settle: float, *, quiet: float, lag: float) -> float:
    """Return the quiet time of work: no longer than its time to settle lets it see.

    Whoever gives it less time says that the account is that quick; but not quicker than it was seen to be.

    Args:
        settle: The longest time to keep reading its cost, in seconds.
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
        setting: The quiet time to begin with, in seconds.
        longest_lag: The longest time seen between the end of work and a charge for it, in seconds.
    """

    setting: float = QUIET
    longest_lag: float = 0.0

    @property
    def seconds(self) -> float:
        """How long nothing must move, in seconds: never less than the setting."""
        # A lag within the setting is covered by it.
        if self.longest_lag <= self.setting:
            return self.setting
        return max(self.setting, min(self.longest_lag * LAG_MARGIN, MAX_QUIET))

    def seconds_for(self, settle: float) -> float:
        """Return the quiet time of work, in seconds.

        Args:
            settle: The longest time to keep reading its cost, in seconds.
        """
        return quiet_for(settle, quiet=self.seconds, lag=self.longest_lag)

    def learn(self, lag: float) -> None:
        """Record that a charge was seen so long after the work had ended.

        Args:
            lag: Seconds from the end of the work to the reading that showed it.
        """
        self.longest_lag = max(self.longest_lag, lag)


@dataclass
class QuietTimes:
    """The quiet times of this process's accounts, which outlive their fetchers.

    Attributes:
        setting: The quiet time of accounts to begin with, in seconds.
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
        """Set the quiet time to begin with, of all accounts.

        Args:
            seconds: The quiet time; what has been learned still counts.
        """
        self.setting = seconds
        for each in self._known.values():
            each.setting = seconds


quiet_times = QuietTimes()
"""The quiet times of this process's accounts."""
