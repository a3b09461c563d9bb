"""Where a meter or loop is in the user's code; this identifies its runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import FrameType


@dataclass(frozen=True, slots=True)
class CallSite:
    """A place in the user's code.

    Attributes:
        key: Identifies runs of the same thing.
        name: The name the user recognizes.
        given: The name the user gave it. It is then also the key, so the code may move within its file.
    """

    key: str
    name: str
    given: str | None = None

    @classmethod
    def of(cls, frame: FrameType, what: str, *, given: str | None = None) -> CallSite:
        """Return the call site of a call.

        Args:
            frame: The calling code's current frame.
            what: What is called, such as "meter".
            given: The name the user gave it.
        """
        if given:
            return cls(given, given, given)
        file, line = frame.f_code.co_filename, frame.f_lineno
        # A cell's code has a file name too, but no file.
        within = f" of {Path(file).name}" if Path(file).is_file() else ""
        return cls(f"{file}:{line}", f"{what} at line {line}{within}")
