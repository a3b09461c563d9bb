"""One try to read the balance: a stamped reading or one error, whatever the client does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from .. import errors
from ..credits import Credits

if TYPE_CHECKING:
    from .clock import Clock

Outcome = Credits | errors.EvoLinkError
"""What a try brings."""


class Client(Protocol):
    """What a fetcher needs of `evolink_nb.EvoLinkClient`."""

    identity: str

    def get_credits(self) -> Credits:
        """Read the balance now, or raise an `EvoLinkError`."""

    def close(self) -> None:
        """Cancel a read in flight, and close the connection."""


def attempt(client: Client, clock: Clock, requested_at: float) -> Outcome:
    """Read the balance once.

    Args:
        client: What to read with.
        clock: What the reading is stamped by: all durations come from that, none from the time of day.
        requested_at: When this was called, in the clock's seconds.

    Returns:
        The reading, or why there is none.
    """
    try:
        return replace(client.get_credits(), requested_at=requested_at, monotonic=clock.monotonic())
    except errors.EvoLinkError as error:
        # Kept for as long as it is true, so without the frames it came through.
        return error.with_traceback(None)
    except KeyboardInterrupt:  # without threads it is the user's
        raise
    except BaseException as error:  # noqa: BLE001 - a flaw of ours must not end the loop
        return unexpected(error)


def unexpected(flaw: BaseException) -> errors.EvoLinkError:
    """Return the error to show in place of a flaw, whose own words may hold anything.

    Args:
        flaw: What was raised.

    Returns:
        An error that names its type only.
    """
    return errors.EvoLinkError(f"The reading failed unexpectedly ({type(flaw).__name__}).")
