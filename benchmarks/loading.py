"""What does ``%load_ext evolink_nb`` cost beside importing what a widget tool usually imports?"""

from __future__ import annotations

import os
import subprocess
import sys

from .ratio import Comparison, alternate

ROUNDS = 15

# Each in a fresh interpreter with a shell ready, as a kernel has; only the statement itself is timed.
_PROGRAM = """
import time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
started = time.perf_counter()
{statement}
print(time.perf_counter() - started)
"""


def measure() -> list[Comparison]:
    """Return the ratio of seconds."""
    ratios = alternate(
        lambda: _seconds("shell.run_line_magic('load_ext', 'evolink_nb')"),
        lambda: _seconds("import ipywidgets, requests"),
        rounds=ROUNDS,
    )
    return [Comparison("%load_ext evolink_nb : import ipywidgets, requests  (time)", ratios, 0.10)]


def _seconds(statement: str) -> float:
    program = _PROGRAM.format(statement=statement)
    # pip compiles what it installs, as it has compiled the peer; a checkout is compiled when it is first
    # used, unless this variable forbids that.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout)
