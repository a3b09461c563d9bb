"""The history of real kernels: what one has spent, another one knows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.support.environment import account_of
from tests.support.kernel import Kernel
from tests.support.metered import GENERATE, LINE

if TYPE_CHECKING:
    from pathlib import Path

    from evolink_nb.demo import DemoServer

LOAD = "%load_ext evolink_nb\n%config EvoLinkMagics.quiet = 0.3"
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
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("history.db*"))
    assert demo_server.key.encode() not in kept
    assert demo_server.key.removeprefix("sk-").encode() not in kept


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
