"""What loading the extension costs, and what unloading and reloading it leave behind."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from evolink_nb.api import credentials, settings
from tests.support.shell import Shell, open_shell
from tests.support.traces import LOADED, NOTHING, TRACES, traces

OURS = "evolink"


@pytest.fixture
def shell() -> Iterator[Shell]:
    """A shell that has the extension loaded and has used nothing of it."""
    with open_shell() as shell:
        yield shell


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
        "evolink_nb.notebook.configured",
        "evolink_nb.notebook.extension",
        "evolink_nb.notebook.options",
        "evolink_nb.notebook.options.help",
        "evolink_nb.notebook.magics",
        "evolink_nb.notebook.options.rules",
        "evolink_nb.notebook.cell_magics",
        "evolink_nb.notebook.code_start",
        "evolink_nb.notebook.refusal",
        "evolink_nb.notebook.running",
        "evolink_nb.notebook.arguments",
        "evolink_nb.notebook.options.parsers",
        "evolink_nb.notebook.configured.configuration",
    }


def test_loading_constructs_no_parser() -> None:
    """Their help takes longer than all the rest of loading."""
    load = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "from IPython.core import magic_arguments\n"
        "magic_arguments.MagicArgumentParser.__init__ = None\n"
        "shell.run_line_magic('load_ext', 'evolink_nb')"
    )
    assert "evolink_nb.notebook.magics" in imported_by(load)


@pytest.mark.usefixtures("simulated_account")
def test_the_balance_imports_no_meter() -> None:
    """It is half of the package, and nobody who looks at the balance waits for it, then or in later cells."""
    show = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_line_magic('load_ext', 'evolink_nb')\n"
        "for cell in ('shown = %evolink_credits', 'shown'): shell.run_cell(cell)"
    )
    modules = imported_by(show)
    assert "evolink_nb.polling.reader" in modules
    measuring = {"notebook.spending", "notebook.cells", "metering.budgets", "metering.measurement"}
    assert {f"evolink_nb.{name}" for name in measuring} & modules == set()


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
