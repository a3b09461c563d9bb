"""Where something stands in the code that uses it: by which its runs are told from others'."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import FrameType


@dataclass(frozen=True, slots=True)
class CallSite:
    """A place in somebody's code: the ``key`` its runs share, and the ``name`` people know it by.

    ``given`` is the name that a person gave it; it is the key too, so that it may move in its file.
    """

    key: str
    name: str
    given: str | None = None

    @classmethod
    def of(cls, frame: FrameType, what: str, *, given: str | None = None) -> CallSite:
        """Give the place of ``what`` in ``frame``'s code, as it runs now."""
        if given:
            return cls(given, given, given)
        file, line = frame.f_code.co_filename, frame.f_lineno
        # A cell's code has a file name too, but no file.
        within = f" of {Path(file).name}" if Path(file).is_file() else ""
        return cls(f"{file}:{line}", f"{what} at line {line}{within}")
