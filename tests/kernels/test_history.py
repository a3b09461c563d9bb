"""The history of real kernels: what one has spent, another one knows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.support.environment import account_of
from tests.support.kernel import Kernel
from tests.support.metered import GENERATE, LINE
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from evolink_nb.demo import DemoServer

LOAD = "%load_ext evolink_nb\n%config EvoLinkMagics.quiet = 0.3"
UNTIL_SHARED = """
until = time.monotonic() + 60
while cost.confidence == "clean" and time.monotonic() < until: time.sleep(0.05)
"""
WRITTEN = """
from evolink_nb.history.current import current
print("written:", current.required_writer().flush(30), repr(current.required_writer().problem))
"""


def test_costs_outlive_the_kernel(demo_server: DemoServer, tmp_path: Path) -> None:
    history = tmp_path / "history.db"
    environment = {
        **os.environ,
        **account_of(demo_server),
        "EVOLINK_NB_HISTORY": str(history),
        "JPY_SESSION_NAME": "work/mine.ipynb",
    }
    with Kernel(environment, tmp_path / "first.log") as kernel:
        kernel.run(LOAD)
        kernel.run(f"{LINE} --settle 20\n# with {demo_server.key}\n{GENERATE}generate()")
        assert "written: True ''" in kernel.run(WRITTEN).text
        spent = kernel.run("import evolink_nb as e; print(e.ledger.total(e.ledger.current().entries()))").text
    # It was killed.
    with Kernel(environment, tmp_path / "second.log") as kernel:
        kernel.run(LOAD)
        assert "Nothing has been measured yet" in kernel.run("%evolink_costs").text
        assert spent in kernel.run("%evolink_costs --since 1h").text
        assert spent in kernel.run("%evolink_history --since 1h --by notebook").text
        assert "work/mine.ipynb" in kernel.run("%evolink_costs --by notebook").text
        assert "work/mine.ipynb" in kernel.run("%evolink_history --since 1h --by notebook --csv").text
        assert "(demo data)" in kernel.run("%evolink_history --since 1h").text
        # The same notebook goes on where its earlier kernel was: that is nobody else's spending.
        kernel.run(f"{LINE} --settle 20 -o cost\n{GENERATE}generate()")
        assert "ran" not in kernel.run("print(cost.reason)").text
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("history.db*"))
    assert demo_server.key.encode() not in kept
    assert demo_server.key.removeprefix("sk-").encode() not in kept


def test_kernels_know_of_each_other(demo_server: DemoServer, tmp_path: Path) -> None:
    """One runs within another's time: each is told, the first although its cost was called clean before."""
    environment = {
        **os.environ,
        **account_of(demo_server),
        "EVOLINK_NB_HISTORY": str(tmp_path / "history.db"),
    }
    names = [{"JPY_SESSION_NAME": f"work/{name}.ipynb"} for name in ("long", "short")]
    first, second = (
        Kernel(environment | name, tmp_path / f"kernel-{number}.log") for number, name in enumerate(names)
    )
    begun, goes_on = tmp_path / "begun", tmp_path / "goes on"
    wait = (
        f"open({str(begun)!r}, 'w').close()\nwhile not os.path.exists({str(goes_on)!r}): time.sleep(0.05)\n"
    )
    line = f"{LINE} --settle 20 -o cost\n{GENERATE}"
    with first, second:
        first.run(LOAD)
        # No magic has been used yet.
        second.run(f"{LOAD}\nfrom evolink_nb import meter\nwith meter(name='nothing', settle=1): pass")

        def meanwhile() -> None:
            wait_until(begun.exists)
            second.run(f"{line}generate()")
            said.append(second.run("print(cost.confidence, cost.reason)").text)
            goes_on.touch()

        said: list[str] = []
        first.run(f"{line}{wait}generate()", during=meanwhile)
        said.append(first.run("print(cost.confidence, cost.reason)").text)
        said.append(second.run(f"{UNTIL_SHARED}\nprint(cost.reason)").text)
        bill = second.run("%evolink_history --since 1h --by cell").text
    assert said == [
        "clean the key's and the account's counters agree",
        "shared short.ipynb used the same key meanwhile",
        "long.ipynb used the same key meanwhile",
    ]
    assert "nothing" in bill


def test_demo_data_is_not_kept_by_default(demo_server: DemoServer, tmp_path: Path) -> None:
    environment = {**os.environ, **account_of(demo_server)}
    del environment["EVOLINK_NB_HISTORY"]
    with Kernel(environment, tmp_path / "kernel.log") as kernel:
        kernel.run(LOAD)
        kernel.run("%evolink_credits")
        assert "written: True ''" in kernel.run(WRITTEN).text
        path = kernel.run("print(current.location.shown)").text
    assert path.startswith(environment["HOME"])
    assert not os.path.lexists(path)
