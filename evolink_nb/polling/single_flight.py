"""The read in flight and the next one, shared by all callers. No thread, lock or clock."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..credits import Credits

if TYPE_CHECKING:
    from ..errors import EvoLinkError
    from .attempt import Outcome


class Read(Future[Credits]):
    """The future of one read.

    Attributes:
        outcome: Its outcome once known, before it is published; None until then.
        may_be_old: Whether another process's recent reading will do.
    """

    outcome: Outcome | None = None
    may_be_old: bool = True


@dataclass(slots=True)
class SingleFlight:
    """The read in flight and the one requested after it, each a future shared by all callers.

    A read's future is *pending*, and can be cancelled, until its outcome is known; *running* while the
    outcome is being published, so that waiting callers see it published; then *done*. Not thread-safe.

    Attributes:
        in_flight: The read that has begun, if any.
        requested: The read that has been requested but not begun, if any.
    """

    in_flight: Read | None = None
    requested: Read | None = None

    def request(self, *, fresh: bool, may_be_old: bool = False) -> Read:
        """Request a read.

        Args:
            fresh: Whether it must begin after this call rather than join the read in flight.
            may_be_old: Whether another process's recent reading will do.

        Returns:
            A future for its outcome.
        """
        if self.in_flight is not None and not fresh:
            return self.in_flight
        self.requested = self.requested or Read()
        self.requested.may_be_old = self.requested.may_be_old and may_be_old
        return self.requested

    def begin(self) -> Read:
        """Begin the requested read, or a new one if none is requested.

        Returns:
            Its future, to pass to `decide` and `end`.
        """
        future = self.in_flight = self.requested or Read()
        self.requested = None
        return future

    def decide(self, future: Read, outcome: Outcome) -> bool:
        """Record that a read's outcome is known and about to be published; it can no longer be cancelled.

        Args:
            future: Its future.
            outcome: The reading, or the error.

        Returns:
            Whether the outcome counts; False if the read was cancelled.
        """
        counts = future.set_running_or_notify_cancel()
        future.outcome = outcome if counts else None
        return counts

    def end(self, future: Read, outcome: Outcome) -> None:
        """End a read and resolve its future; does nothing if it was cancelled."""
        if self.in_flight is future:
            self.in_flight = None
        _resolve(future, outcome)

    def refuse(self, error: EvoLinkError) -> None:
        """Fail the future of the requested read, which won't happen soon; the request itself stands."""
        if self.requested is not None:
            refused, self.requested = self.requested, Read()
            _resolve(refused, error)

    def cancel(self) -> None:
        """Cancel both reads; one whose outcome is being published ends normally."""
        if self.in_flight is not None:
            self.in_flight.cancel()
        # Nothing will begin it, and waiting callers are notified of a cancellation only after this call.
        if self.requested is not None and self.requested.cancel():
            self.requested.set_running_or_notify_cancel()
        self.in_flight = self.requested = None

    def fail(self, error: EvoLinkError) -> None:
        """Fail the futures of both reads."""
        for future in (self.in_flight, self.requested):
            if future is not None:
                _resolve(future, error)
        self.in_flight = self.requested = None


def _resolve(future: Read, outcome: Outcome) -> None:
    if future.done():
        return
    if isinstance(outcome, Credits):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)
