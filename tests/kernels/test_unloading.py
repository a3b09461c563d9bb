"""What unloading and reloading the extension leave behind in a real kernel."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.traces import LOADED, NOTHING, TRACES, traces

if TYPE_CHECKING:
    from tests.support.kernel import Kernel


def test_unloading_after_use_leaves_nothing(kernel: Kernel) -> None:
    kernel.run("%load_ext evolink_nb")
    kernel.run("%evolink_credits --live")
    # Without the simulated account in its environment it starts one of its own.
    kernel.run("import os; del os.environ['EVOLINK_API_KEY'], os.environ['EVOLINK_BASE_URL']")
    kernel.run("%evolink_credits --live --demo")
    kernel.run("c = %evolink_credits --demo")
    kernel.run("%%evolink_credits --demo --max 5\n6 * 7")
    kernel.run("%evolink_track on --demo")
    used = traces(kernel.run(TRACES).text)
    assert used["threads"].count("evolink-nb-fetcher") == 2
    assert any(name.startswith("evolink-nb-demo") for name in used["threads"])
    kernel.run("%unload_ext evolink_nb")
    assert traces(kernel.run(TRACES).text) == NOTHING
    # The reading stays usable; it only shows as text again.
    assert kernel.run("c.spendable").text == "Decimal('1095.3996')"


STUCK = """
import threading
from evolink_nb import CreditsFetcher, CreditsWidget, EvoLinkClient
called = threading.Event()
def stay(change):
    called.set()
    threading.Event().wait()
fetcher = CreditsFetcher.shared(EvoLinkClient())
fetcher.observe(stay, 'credits')
CreditsWidget().observe(stay, 'user_remaining')
fetcher.refresh()
called.wait(20)
"""


def test_unloading_waits_for_no_observer(kernel: Kernel) -> None:
    """One that never returns: unloading and the kernel's end are prompt."""
    kernel.run("%load_ext evolink_nb")
    kernel.run("%evolink_credits --live --every 1")
    kernel.run("%evolink_track on")
    assert kernel.run(STUCK).error is None
    assert kernel.run("%unload_ext evolink_nb").error is None


def test_reloading_leaves_one_of_each(kernel: Kernel) -> None:
    kernel.run("%load_ext evolink_nb")
    for _ in range(10):
        kernel.run("%reload_ext evolink_nb\n%evolink_credits --live")
    reloaded = traces(kernel.run(TRACES).text)
    # That of the last request stays for a moment.
    threads = [name for name in reloaded.pop("threads") if name != "evolink-nb-request"]
    assert threads == ["evolink-nb-fetcher"]
    assert reloaded == {name: traces_ for name, traces_ in LOADED.items() if name != "threads"}
    assert "1,095.3996" in kernel.run("%evolink_credits").text


# Whatever has a thread, a connection or the key, or would keep what has.
KEPT = """
import gc, json
gc.collect()
names = '''BoundedSession Budget CellEvents Cells Commands CreditsFetcher CreditsWidget EvoLinkClient
    EvoLinkMagics Line LiveOutput Loop Measurement MeteredCell Outlook Secret Settler'''.split()
ours = [type(each) for each in gc.get_objects() if str(type(each).__module__).startswith("evolink_nb.")]
print(json.dumps(sorted(kind.__name__ for kind in ours if kind.__name__ in names)))
"""


def test_unloading_leaves_nothing_to_collect(kernel: Kernel) -> None:
    """Three rounds of everything; a notebook's own names and outputs keep readings at most."""
    for _ in range(3):
        for cell in (
            "%load_ext evolink_nb",
            "%%evolink_credits --settle 30\n6 * 7",
            "%evolink_credits --live",
            "%evolink_credits --html",
            "%evolink_track on",
            "import time; time.sleep(0.05)",
            "%%evolink_credits --max 5\n6 * 7",
            "c = %evolink_credits",
            "%evolink_credits",
            "%evolink_costs",
        ):
            assert kernel.run(cell).error is None, cell
        # What is looked for is there while it is in use.
        used = set(json.loads(kernel.run(KEPT).text))
        assert used >= {"Cells", "CreditsFetcher", "CreditsWidget", "EvoLinkClient", "LiveOutput", "Loop"}
        kernel.run("%unload_ext evolink_nb")
        assert json.loads(kernel.run(KEPT).text) == []
        assert traces(kernel.run(TRACES).text) == NOTHING
