"""A real terminal with IPython in it, at which a test types."""

from __future__ import annotations

import os
import signal
import sys

import pexpect


def end(process: pexpect.spawn[str]) -> None:
    """End a process, whatever it does; pexpect's own way soon gives up."""
    process.kill(signal.SIGKILL)
    process.wait()
    process.close()


class Terminal:
    """An IPython at a terminal; `type` gives what it shows until it asks for the next input."""

    def __init__(self, environment: dict[str, str], *, colours: str = "NoColor") -> None:
        self.number = 1
        self.all_shown = ""
        self.child: pexpect.spawn[str] = pexpect.spawn(
            sys.executable,
            ["-m", "IPython", "--simple-prompt", "--no-banner", "--no-confirm-exit", f"--colors={colours}"],
            env={**os.environ, "TERM": "dumb", **environment},
            encoding="utf-8",
            dimensions=(50, 200),
            timeout=60,
        )
        self._until_prompt()

    def type(self, line: str) -> str:
        self.child.sendline(line)
        return self._until_prompt()

    def enter(self, lines: list[str]) -> str:
        """Type a cell of several lines; what is shown until the next input."""
        for line in lines:
            self.child.sendline(line)
        return self._until_prompt()

    def log_in(self, options: str, key: str) -> str:
        """Type `%evolink_login`, and the key where it is asked for; what is shown until the next input."""
        self.give_key(options, key)
        return self._until_prompt()

    def give_key(self, options: str, key: str) -> None:
        """Type `%evolink_login`, and the key where it is asked for."""
        self.child.sendline(f"%evolink_login {options}")
        self.child.expect_exact("EvoLink API key: ")
        self.all_shown += self.child.before or ""
        # What is typed before the echo is off would be shown whatever the program does.
        self.child.waitnoecho()
        self.child.sendline(key)

    def interrupt(self) -> str:
        """Press Ctrl+C; what is shown until the next input."""
        self.child.sendintr()
        return self._until_prompt()

    def close(self) -> None:
        end(self.child)

    def _until_prompt(self) -> str:
        self.child.expect_exact(f"In [{self.number}]: ")
        self.number += 1
        shown = (self.child.before or "").replace("\r", "")
        self.all_shown += shown
        return shown
