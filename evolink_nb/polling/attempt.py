"""One attempt to read the balance: a stamped reading or one error, whatever the client does."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from .. import errors
from ..credits import Credits

if TYPE_CHECKING:
    from .clock import Clock

log = logging.getLogger(__name__)

Outcome = Credits | errors.EvoLinkError
"""The result of an attempt."""


class Client(Protocol):
    """The part of `evolink_nb.EvoLinkClient` that a fetcher needs."""

    identity: str

    def get_credits(self) -> Credits:
        """Read the balance now; raise an `EvoLinkError` on failure."""

    def close(self) -> None:
        """Cancel a read in flight, and close the connection."""


def attempt(client: Client, clock: Clock, requested_at: float) -> Outcome:
    """Read the balance once.

    Args:
        client: The client to read with.
        clock: Stamps the reading. Durations come from its monotonic time, never from the time of day.
        requested_at: When this was called, in the clock's seconds.

    Returns:
        The reading, or the error.
    """
    try:
        reading = replace(client.get_credits(), requested_at=requested_at, monotonic=clock.monotonic())
    except errors.EvoLinkError as error:
        # Only its class: its text may quote a server.
        log.info("not read: %s", type(error).__name__)
        # The error is kept as long as it applies, so drop the frames it came through.
        return error.with_traceback(None)
    except KeyboardInterrupt:  # without threads, the interrupt is the user's
        raise
    except BaseException as error:  # noqa: BLE001 - our own bug must not end the loop
        return unexpected(error)
    log.debug("read: %s spendable, %s used", reading.spendable, reading.user.used)
    return reading


def unexpected(flaw: BaseException) -> errors.EvoLinkError:
    """Return the error to show in place of an unexpected exception, whose message could contain anything.

    Args:
        flaw: The exception.

    Returns:
        An error that names only its type.
    """
    return errors.EvoLinkError(f"The reading failed unexpectedly ({type(flaw).__name__}).")
