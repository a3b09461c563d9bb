"""What does ``%load_ext evolink_nb`` cost beside loading other extensions that people know?

They are installed into an environment of their own, with what this package requires, and nowhere else. There
each is loaded in a fresh interpreter, one after the other in every round.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.support import colab
from tests.support.environment import isolation
from tests.support.environments import interpreter_with

from .loading import LOAD, seconds
from .ratio import Comparison, part

ROUNDS = 9
MAX_RATIO = 0.10

PEERS = {
    "codecarbon==3.3.2": "from codecarbon import EmissionsTracker",  # it has no extension to load
    "jupysql==0.11.1": "shell.run_line_magic('load_ext', 'sql')",
    "bigquery-magics==0.15.2": "shell.run_line_magic('load_ext', 'bigquery_magics')",
}
"""How each is loaded, by what is installed."""


def measure(share: float = 1.0) -> list[Comparison]:
    """Return the ratios of seconds to each of them."""
    python = interpreter_with("peers", [*colab.dependencies(), *PEERS])
    ratios: dict[str, list[float]] = {peer: [] for peer in PEERS}
    with tempfile.TemporaryDirectory() as home:
        environment = {**isolation(Path(home)), "PYTHONPATH": str(colab.ROOT)}
        for _ in range(part(ROUNDS, share)):
            ours = seconds(LOAD, interpreter=python, environment=environment)
            for peer, statement in PEERS.items():
                ratios[peer].append(ours / seconds(statement, interpreter=python, environment=environment))
    return [
        Comparison(
            f"`%load_ext evolink_nb` ÷ {_loading(peer)} (time)", ratios[peer], MAX_RATIO, peer.split("==")[0]
        )
        for peer in PEERS
    ]


def _loading(peer: str) -> str:
    """Return how a peer is loaded, with its version, as the table says it."""
    name, version = peer.split("==")
    statement = PEERS[peer]
    shown = statement if statement.startswith("from") else f"%load_ext {statement.split(chr(39))[3]}"
    return f"`{shown}` of {name} {version}"
