"""What loading the extension costs, and what unloading and reloading it leave behind."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from evolink_nb.api import credentials, settings
from tests.support.shell import Shell

if TYPE_CHECKING:
    from tests.support.kernel import Kernel

OURS = "evolink"

# What a shell holds of ours, in every place where an extension can leave something.
TRACES = """
import json, sys, threading
ip = get_ipython()
print(json.dumps({
    "magics": sorted(n for kind in ip.magics_manager.magics.values() for n in kind if "evolink" in n),
    "registry": sorted(n for n in ip.magics_manager.registry if "evolink" in n.lower()),
    "configurables": [type(c).__name__ for c in ip.configurables if "evolink" in type(c).__module__],
    "events": [
        name for name, fs in ip.events.callbacks.items() for f in fs if "evolink" in repr(f).lower()
    ],
    "completers": sorted(n for n in ip.strdispatchers["complete_command"].strs if "evolink" in n),
    "hooks": sum(len(ip.strdispatchers["complete_command"].strs[n].chain)
                 for n in ip.strdispatchers["complete_command"].strs if "evolink" in n),
    "transformers": [f.__name__ for f in ip.input_transformers_cleanup + ip.input_transformers_post
                     if "evolink" in repr(f).lower()],
    "formatters": sorted(
        # A type that was shown once is held itself, before that by its name.
        f"{kind}: {type_ if isinstance(type_, tuple) else (type_.__module__, type_.__name__)}"
        for kind, formatter in
        [*ip.display_formatter.formatters.items(), ("bundle", ip.display_formatter.mimebundle_formatter),
         ("display", ip.display_formatter.ipython_display_formatter)]
        for type_ in [*formatter.type_printers, *formatter.deferred_printers] if "evolink" in str(type_)),
    "threads": sorted(t.name for t in threading.enumerate() if "evolink" in t.name),
    "names": sorted(n for n in ip.user_ns if "evolink" in n.lower()),
}))
"""
NOTHING: dict[str, Any] = {
    "magics": [],
    "registry": [],
    "configurables": [],
    "events": [],
    "completers": [],
    "hooks": 0,
    "transformers": [],
    "formatters": [],
    "threads": [],
    "names": [],
}
LOADED = NOTHING | {
    # The balance and the cell magic share a name.
    "magics": ["evolink_costs", "evolink_credits", "evolink_credits", "evolink_login", "evolink_track"],
    "registry": ["EvoLinkMagics"],
    "configurables": ["EvoLinkMagics"],
    "completers": [
        "%%evolink_credits",
        "%evolink_costs",
        "%evolink_credits",
        "%evolink_login",
        "%evolink_track",
    ],
    "hooks": 5,
    "transformers": ["run_as_if_not_there"],
    "events": ["pre_run_cell", "post_run_cell"],
    "formatters": [
        "bundle: ('evolink_nb.credits', 'Credits')",
        "display: ('evolink_nb.card.widget', 'CreditsWidget')",
    ],
}


@pytest.fixture
def shell() -> Iterator[Shell]:
    """A shell that has the extension loaded and has used nothing of it."""
    shell = Shell()
    yield shell
    shell.close()


def traces(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def imported_by(source: str) -> set[str]:
    """The modules that a fresh interpreter holds after running `source`."""
    asked = f"{source}\nimport sys; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", asked], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return set(done.stdout.split())


def test_loading_imports_nothing_heavy() -> None:
    load = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "InteractiveShell.instance().run_line_magic('load_ext', 'evolink_nb')"
    )
    modules = imported_by(load)
    assert "evolink_nb.notebook.magics" in modules
    heavy = {
        "requests",
        "urllib3",
        "ipywidgets",
        "anywidget",
        "sqlalchemy",
        "sqlite3",
        "keyring",
        "http.server",
    }
    # The history of IPython's own is a SQLite file.
    assert modules & (heavy - {"sqlite3"}) == set()
    ours = {name for name in modules if name.startswith("evolink_nb.")}
    # What reads a line that people typed.
    assert ours == {
        "evolink_nb._version",
        "evolink_nb.notebook",
        "evolink_nb.notebook.extension",
        "evolink_nb.notebook.magics",
        "evolink_nb.notebook.cell_magics",
        "evolink_nb.notebook.running",
        "evolink_nb.notebook.arguments",
    }


def test_package_imports_nothing_else() -> None:
    assert {name for name in imported_by("import evolink_nb") if name.startswith("evolink_nb.")} == {
        "evolink_nb._version"
    }


def test_unloading_leaves_nothing(shell: Shell) -> None:
    assert traces(shell.run(TRACES).out) == LOADED
    shell.run("%unload_ext evolink_nb")
    assert traces(shell.run(TRACES).out) == NOTHING
    assert isinstance(shell.run("%evolink_credits").error, Exception)
    shell.run("%load_ext evolink_nb")
    assert traces(shell.run(TRACES).out) == LOADED


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


def test_reloading_leaves_one_of_each(kernel: Kernel) -> None:
    kernel.run("%load_ext evolink_nb")
    for _ in range(10):
        kernel.run("%reload_ext evolink_nb\n%evolink_credits --live")
    reloaded = traces(kernel.run(TRACES).text)
    assert reloaded.pop("threads") == ["evolink-nb-fetcher"]
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


def test_loading_twice_is_loading_once(shell: Shell) -> None:
    shell.run("%load_ext evolink_nb")
    assert traces(shell.run(TRACES).out) == LOADED


def test_unloading_unused_starts_nothing() -> None:
    source = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_line_magic('load_ext', 'evolink_nb'); shell.run_line_magic('unload_ext', 'evolink_nb')"
    )
    assert {"requests", "evolink_nb.polling.fetcher", "evolink_nb.demo"} & imported_by(source) == set()


def test_reloading_keeps_the_key(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials.login, "key", credentials.Secret("entered-by-hand"))
    shell.run("%reload_ext evolink_nb")
    assert settings.connection().source == "%evolink_login"
    assert not any(OURS in thread.name for thread in threading.enumerate())
