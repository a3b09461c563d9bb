"""One read in flight and one to come, shared by all who want one. No thread, lock or clock here."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..credits import Credits

if TYPE_CHECKING:
    from ..errors import EvoLinkError
    from .attempt import Outcome


@dataclass(slots=True)
class SingleFlight:
    """The read in flight and the one requested after it, each a future that all who want it share.

    A read's future is *pending* until its outcome is known, and can be cancelled until then; it is *running*
    while the outcome is being published, so that a caller that waited finds it published; then it is *done*.
    Not for use from several threads at once.

    Attributes:
        in_flight: The read that has been begun, None where there is none.
        requested: The read that has been asked for and not begun, None where there is none.
    """

    in_flight: Future[Credits] | None = None
    requested: Future[Credits] | None = None

    def request(self, *, fresh: bool) -> Future[Credits]:
        """Ask for a read.

        Args:
            fresh: Whether it must begin after this call: it does not join the read in flight then.

        Returns:
            What brings its outcome.
        """
        if self.in_flight is not None and not fresh:
            return self.in_flight
        self.requested = self.requested or Future()
        return self.requested

    def begin(self) -> Future[Credits]:
        """Begin a read: the one requested, else one that was not requested.

        Returns:
            Its future, to pass to `decide` and `end`.
        """
        future = self.in_flight = self.requested or Future()
        self.requested = None
        return future

    def decide(self, future: Future[Credits]) -> bool:
        """Record that a read's outcome is known and about to be published: it can't be cancelled any more.

        Returns:
            Whether the outcome counts; False where the read was cancelled.
        """
        return future.set_running_or_notify_cancel()

    def end(self, future: Future[Credits], outcome: Outcome) -> None:
        """End a read and resolve its future; does nothing to one that was cancelled."""
        if self.in_flight is future:
            self.in_flight = None
        _resolve(future, outcome)

    def refuse(self, error: EvoLinkError) -> None:
        """Fail the future of the requested read, which won't come soon; the request itself stands."""
        if self.requested is not None:
            refused, self.requested = self.requested, Future()
            _resolve(refused, error)

    def cancel(self) -> None:
        """Cancel both reads; one whose outcome is being published ends as it would have."""
        for future in (self.in_flight, self.requested):
            if future is not None:
                future.cancel()
        self.in_flight = self.requested = None

    def fail(self, error: EvoLinkError) -> None:
        """Fail the futures of both reads."""
        for future in (self.in_flight, self.requested):
            if future is not None:
                _resolve(future, error)
        self.in_flight = self.requested = None


def _resolve(future: Future[Credits], outcome: Outcome) -> None:
    if future.done():
        return
    if isinstance(outcome, Credits):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)
