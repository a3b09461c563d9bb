"""Every example runs as it stands, on a simulated account, and says what it should."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.environment import account_of

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer

EXAMPLES = Path(__file__).parents[1] / "examples"
MAX_LINES = 40

REFUSED = (
    r"The meter \(max_credits=2\) stopped the work at 2 credits spent: it refused the next call\.( .*)?\n"
    r"2 images for 2 credits\n"
)
SAYS = {
    "with_requests": REFUSED,
    "with_aiohttp": REFUSED,
    # Of two at a time, one may be under way when the budget is spent.
    "with_httpx": r"a lighthouse: pending\n(a \w+: (pending|not ordered)\n){3}[23] credits\n",
    "with_openai": r"A simulated answer: no model was asked\.\n0\.\d+ credits, (clean|confirmed)\n",
    "watch_the_balance": (
        r"1095\.3996 to spend\n(1,095\.3996 credits left · account [^\n]*\n){1,4}Enough for now\.\n"
    ),
}


def test_every_example_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(SAYS)


@pytest.mark.parametrize("name", SAYS)
def test_example_runs_and_says_so(demo_server: DemoServer, name: str) -> None:
    path = EXAMPLES / f"{name}.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) < MAX_LINES
    done = subprocess.run(
        [sys.executable, "-W", "error", path],
        env={**os.environ, **account_of(demo_server), "PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert re.fullmatch(SAYS[name], done.stdout), done.stdout
    assert demo_server.key not in done.stdout
