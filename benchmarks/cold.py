"""What does the first ``%evolink_credits`` of a kernel cost beside doing it by hand?

Each in a fresh interpreter with a shell ready. Ours is ``%load_ext`` and the magic, with a history kept as it
is by default; by hand is importing what a widget tool usually imports, asking, and printing the answer.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from evolink_nb.history.storage.location import HISTORY_VARIABLE
from tests.support.environment import isolation

from .busy import quiet_and_busy
from .loading import LOAD, seconds
from .ratio import Comparison, alternate, part
from .simulated import simulated_api

ROUNDS = 15
MAX_RATIO = 2.0
MAX_SECONDS = 0.3

_OURS = f"{LOAD}\nshell.run_line_magic('evolink_credits', '')"
_BY_HAND = """
import os
import ipywidgets, requests
headers = {"Authorization": f"Bearer {os.environ['EVOLINK_API_KEY']}"}
print(requests.get(os.environ["EVOLINK_BASE_URL"] + "/v1/credits", headers=headers, timeout=10).json())
"""


def measure(share: float = 1.0) -> list[Comparison]:
    """Return the ratios of seconds."""
    with simulated_api() as server, tempfile.TemporaryDirectory() as home:
        history = {HISTORY_VARIABLE: str(Path(home) / "history.db")}
        environment = {**isolation(Path(home)), **server.environment, **history}
        by_hand = partial(seconds, _BY_HAND, environment=environment)
        taken: list[float] = []

        def ours() -> float:
            taken.append(seconds(_OURS, environment=environment))
            return taken[-1]

        rows = quiet_and_busy(
            "the first `%evolink_credits`, loading included ÷ `import ipywidgets, requests` and a request"
            " by hand (time)",
            lambda: alternate(ours, by_hand, rounds=part(ROUNDS, share)),
            target=MAX_RATIO,
            busy_target=MAX_RATIO,
            name="cold",
        )
    quiet = taken[: len(taken) // 2]
    return [*rows, Comparison("the first `%evolink_credits`, loading included (seconds)", quiet, MAX_SECONDS)]
