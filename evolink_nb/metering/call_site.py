"""Where in the user's code something is called: by which its runs are told from others'."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import FrameType


@dataclass(frozen=True, slots=True)
class CallSite:
    """A place in the user's code.

    Attributes:
        key: What its runs have in common.
        name: What the user recognizes it by.
        given: The name that the user gave it; it is the key too, so that it may move in its file.
    """

    key: str
    name: str
    given: str | None = None

    @classmethod
    def of(cls, frame: FrameType, what: str, *, given: str | None = None) -> CallSite:
        """Return the place of a call.

        Args:
            frame: The code that calls, as it runs now.
            what: What is called, as "meter".
            given: The name that the user gave it.
        """
        if given:
            return cls(given, given, given)
        file, line = frame.f_code.co_filename, frame.f_lineno
        # A cell's code has a file name too, but no file.
        within = f" of {Path(file).name}" if Path(file).is_file() else ""
        return cls(f"{file}:{line}", f"{what} at line {line}{within}")
