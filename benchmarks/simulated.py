"""The simulated API in a process of its own, so that it shares no interpreter lock with its readers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import requests


@dataclass(frozen=True)
class SimulatedApi:
    """Where it listens, and the key of its account."""

    url: str
    key: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make the account a process's own."""
        return {"EVOLINK_API_KEY": self.key, "EVOLINK_BASE_URL": self.url}

    @property
    def headers(self) -> dict[str, str]:
        """What a request by hand needs."""
        return {"Authorization": f"Bearer {self.key}"}

    def spend(self) -> None:
        """Order an image, so that the next reading isn't the last one."""
        image = {"model": "z-image-turbo", "prompt": "a lighthouse"}
        ordered = requests.post(
            f"{self.url}/v1/images/generations", json=image, headers=self.headers, timeout=10
        )
        ordered.raise_for_status()


@contextmanager
def simulated_api() -> Iterator[SimulatedApi]:
    """Run the simulated API until the end of the ``with``."""
    command = [sys.executable, "-m", "evolink_nb.demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # for mypy  # noqa: S101
        try:
            url, key = (process.stdout.readline().split()[-1] for _ in range(2))
            yield SimulatedApi(url, key)
        finally:
            process.terminate()
