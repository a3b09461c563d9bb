"""What does ``%load_ext evolink_nb`` cost beside importing what a widget tool usually imports?"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from .busy import quiet_and_busy
from .ratio import Comparison, alternate, part

ROUNDS = 15
MAX_RATIO = 0.10
LOAD = "shell.run_line_magic('load_ext', 'evolink_nb')"

# Each in a fresh interpreter with a shell ready, as a kernel has; only the statement itself is timed.
_PROGRAM = """
import time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
started = time.perf_counter()
{statement}
print(time.perf_counter() - started)
"""


def measure(share: float = 1.0) -> list[Comparison]:
    """Return the ratios of seconds."""
    ours, peer = partial(seconds, LOAD), partial(seconds, "import ipywidgets, requests")
    return quiet_and_busy(
        "`%load_ext evolink_nb` ÷ `import ipywidgets, requests` (time)",
        lambda: alternate(ours, peer, rounds=part(ROUNDS, share)),
        target=MAX_RATIO,
        busy_target=MAX_RATIO,
        name="loading",
    )


def seconds(
    statement: str, *, interpreter: str | Path = sys.executable, environment: dict[str, str] | None = None
) -> float:
    """Return the seconds that a statement takes in a fresh interpreter with a shell ready.

    Args:
        statement: The statement; ``shell`` is the shell.
        interpreter: The Python to run it with.
        environment: Variables for it, beside those of this process.
    """
    program = _PROGRAM.format(statement=statement)
    # pip compiles what it installs, as it has compiled the peer; a checkout is compiled when it is first
    # used, unless this variable forbids that.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [interpreter, "-c", program],
        env={**inherited, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{statement} failed:\n{done.stderr}")
    return float(done.stdout.splitlines()[-1])
