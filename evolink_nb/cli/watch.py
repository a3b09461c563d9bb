"""``evolink-nb watch``: raises alarms with no notebook open."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ..api.client import EvoLinkClient
from ..api.credentials import read_variable
from ..api.webhook import post_json
from ..errors import EvoLinkError
from ..formatting import format_amount
from ..history.sharing.sharing import share_readings
from ..history.storage.location import ACCOUNT_VARIABLE, KEY_LABEL_VARIABLE
from ..polling.fetcher import CreditsFetcher
from . import output
from .alarm_message import body_of, text_of
from .credits_watch import wait_for_change
from .endings import when_ended
from .episodes import Episodes, Event
from .exit_codes import OK

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..card.alarms import Threshold

ALARM_VARIABLE = "EVOLINK_NB_ALARM"
"""Set for you: the text of an alarm, in the command that ``evolink-nb watch --exec`` runs."""
PAUSES = (1.0, 5.0, 30.0, 120.0)
"""Seconds before the second try to deliver an alarm, the third, and so on."""
COMMAND_SECONDS = 60.0
"""Seconds that a command may take."""


class Watch:
    """Watches one account until it is stopped."""

    def __init__(
        self, fetcher: CreditsFetcher, limit: Threshold | None, deliver: list[Callable[[str, str], None]]
    ) -> None:
        """Begin with no alarm.

        Args:
            fetcher: Reads the account.
            limit: The limit; None for nothing left at all.
            deliver: Functions that deliver an alarm, given its text and its JSON body; each raises
                `EvoLinkError` if it fails.
        """
        self._fetcher = fetcher
        self._limit = limit
        self._deliver = deliver
        self._episodes = Episodes(limit, time.monotonic())
        self._changes: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._stopped = threading.Event()

    def stop(self, *_: object) -> None:
        """End `run`; may be called from any thread or a signal handler."""
        self._stopped.set()
        self._changes.put(None)

    def run(self, *, quiet: bool) -> None:
        """Watch until `stop` is called.

        Args:
            quiet: Whether to print nothing but alarms.
        """
        self._fetcher.observe(self._changes.put, "revision")
        self._fetcher.start()
        try:
            is_first = not quiet
            while not self._stopped.is_set():
                wait_for_change(self._changes)
                is_first = self._check(is_first=is_first) and not self._stopped.is_set()
        finally:
            self._fetcher.stop()

    def _check(self, *, is_first: bool) -> bool:
        """Process the newest reading or failure; return whether the first report is still due."""
        credits, error, now = self._fetcher.credits, self._fetcher.error, time.monotonic()
        if error is not None:
            if is_first:
                output.complain(error.in_shell())
            events = self._episodes.miss(now)
        elif credits is not None:
            if is_first:
                what = "nothing left" if self._limit is None else f"less than {self._limit}"
                _say(f"{format_amount(credits.spendable)} credits left. Watching for {what}.")
            events = self._episodes.record(credits, self._fetcher.runway, now)
        else:
            return is_first
        for event in events:
            self._raise(event)
        return False

    def _raise(self, event: Event) -> None:
        credits, runway = self._fetcher.credits, self._fetcher.runway
        text = text_of(event, credits, runway, self._limit)
        _say(text)
        body = body_of(
            event,
            text,
            credits,
            runway=runway,
            burn_rate=self._fetcher.burn_rate,
            limit=self._limit,
            account=read_variable(ACCOUNT_VARIABLE),
            key=read_variable(KEY_LABEL_VARIABLE),
        )
        for deliver in self._deliver:
            self._try(partial(deliver, text, body))

    def _try(self, deliver: Callable[[], None]) -> None:
        for pause in (*PAUSES, None):
            try:
                deliver()
            except EvoLinkError as error:
                again = "" if pause is None else f" Trying again in {pause:.0f} s."
                output.complain(f"{error.message}{again}")
                if pause is None or self._stopped.wait(pause):
                    return
            else:
                return


def watch(
    *, below: Threshold | None, every: float, webhook: str | None, run_command: str | None, quiet: bool
) -> int:
    """Watch the balance until interrupted.

    Args:
        below: The limit; None for nothing left at all.
        every: Seconds between two readings.
        webhook: Where to post each alarm; None for nowhere.
        run_command: A shell command to run for each alarm; None for none.
        quiet: Whether to print nothing but alarms.

    Returns:
        The exit code, `OK`.

    Raises:
        ConfigurationError: There is no key.
        OutputError: An alarm can't be printed.
    """
    share_readings()
    deliver: list[Callable[[str, str], None]] = []
    if webhook is not None:
        deliver.append(lambda _text, body: post_json(webhook, body))
    if run_command is not None:
        deliver.append(partial(_run, run_command))
    with EvoLinkClient() as client:
        watching = Watch(CreditsFetcher(client, every), below, deliver)
        with when_ended(watching.stop):
            watching.run(quiet=quiet)
    return OK


def _run(command: str, text: str, body: str) -> None:
    """Run a command with an alarm's JSON body as standard input and its text as ``EVOLINK_NB_ALARM``."""
    environment = {**os.environ, ALARM_VARIABLE: text}
    try:
        done: Any = subprocess.run(  # noqa: S602 - the user's own command, written for a shell
            command,
            shell=True,
            input=f"{body}\n",
            text=True,
            encoding="utf-8",
            env=environment,
            timeout=COMMAND_SECONDS,
            check=False,
            # What it prints is not a result of our command.
            stdout=sys.stderr,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EvoLinkError(f"The command failed: {type(error).__name__}.") from None
    if done.returncode != 0:
        raise EvoLinkError(f"The command failed with exit code {done.returncode}.")


def _say(text: str) -> None:
    output.say(f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S} {text}")
