"""How long the kernel has been idle, as reported by whatever knows about running cells."""

from __future__ import annotations

from collections.abc import Callable


class KernelIdle:
    """A clock that runs while the kernel is idle, and stands still while that isn't known."""

    def __init__(self) -> None:
        """Start at 0, standing still."""
        self._reached = 0.0
        self._source: Callable[[], float] | None = None

    @property
    def seconds(self) -> float:
        """The seconds in total for which the kernel is known to have been idle."""
        return self._reached + (self._source() if self._source is not None else 0.0)

    def follow(self, source: Callable[[], float] | None) -> None:
        """Follow a source from now on.

        Args:
            source: Returns the seconds idle since some moment; None to stand still.
        """
        self._reached = self.seconds - (source() if source is not None else 0.0)
        self._source = source


kernel_idle = KernelIdle()
