"""A time of day that a test sets, for programs that it starts."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
IS_POSSIBLE = sys.platform == "linux" and shutil.which("cc") is not None
"""Whether this machine can: it takes a C compiler and LD_PRELOAD."""


class WallClock:
    """The time of day of the programs that are started with its environment; their monotonic clocks run on.

    Attributes:
        environment: What such a program's environment has in addition.
    """

    def __init__(self, folder: Path) -> None:
        """Make a clock that is right.

        Args:
            folder: Where it keeps its files.
        """
        library = folder / "wall_clock.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE], check=True)  # noqa: S607
        self._file = folder / "wall_clock.shift"
        self.shift(0)
        self.environment = {
            "LD_PRELOAD": os.pathsep.join(filter(None, (str(library), os.environ.get("LD_PRELOAD")))),
            "WALL_CLOCK_SHIFT": str(self._file),
        }

    def shift(self, seconds: int) -> None:
        """Set the clock so many seconds after the right time, or before it."""
        # In place: the programs have the file's page mapped.
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))
