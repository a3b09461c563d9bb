"""Metered cells in a shell: they run as if nobody looked, and what they cost is said, kept and limited."""

from __future__ import annotations

import contextlib
import functools
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError

from evolink_nb import BudgetExceeded, errors
from evolink_nb.api import credentials
from evolink_nb.demo import OTHER_KEY
from evolink_nb.metering import ledger
from evolink_nb.metering.active import active_measurements
from evolink_nb.metering.budget_registry import budgets
from evolink_nb.metering.ledger import MemoryLedger
from evolink_nb.metering.settlement import SettleTiming
from evolink_nb.metering.watch import WatchTiming
from evolink_nb.notebook import cells
from evolink_nb.notebook.outputs import PrintedLine
from evolink_nb.notebook.stopping import CellRefused
from evolink_nb.polling.fetcher import CreditsFetcher, shared_fetchers
from tests.support.metered import LINE, settled_cost
from tests.support.shell import Shell, Shown

if TYPE_CHECKING:
    from pathlib import Path

    from evolink_nb.demo import DemoServer

SPEND = "account.spend(2)"
TRACKING_ON = "Tracking on: cells that spend will show their cost.\n"
TRACKING_OFF = "Tracking off: only cells with %%evolink_credits show their cost.\n"
LATENCY = 1.0
"""Seconds that a busy machine may take from a reading to the stop that follows."""


@pytest.fixture(autouse=True)
def book() -> Iterator[MemoryLedger]:
    """A ledger of the test's own."""
    before, book = ledger.current(), MemoryLedger()
    ledger.use(book)
    yield book
    ledger.use(before)


@pytest.fixture
def shell(simulated_account: DemoServer) -> Iterator[Shell]:
    """A shell whose account is the simulated one, as `account`; its cells leave everything as it was."""
    shell = Shell()
    shell.ip.user_ns.update(account=simulated_account.account, requests_seen=simulated_account.requests_seen)
    before = signal.getsignal(signal.SIGINT)
    yield shell
    assert signal.getsignal(signal.SIGINT) is before
    assert shell.ip.custom_exceptions == ()
    assert shell.ip.ast_transformers == []
    shell.close()
    until(lambda: not any(is_ours(thread) for thread in threading.enumerate()))


def is_ours(thread: threading.Thread) -> bool:
    return "evolink" in thread.name and "demo" not in thread.name


def nothing_settles() -> bool:
    return not any(thread.name == "evolink-nb-settle" for thread in threading.enumerate())


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def the_fetcher() -> CreditsFetcher:
    """The one that reads the simulated account."""
    [fetcher] = shared_fetchers()
    return fetcher


def cost_line(shown: Shown) -> str:
    """The line under a cell: the last that it printed."""
    return shown.out.strip().splitlines()[-1]


def settled(shell: Shell, source: str) -> Shown:
    """Run a metered cell, and wait until its cost has settled."""
    shown = shell.run(f"{LINE} --settle 30\n{source}")
    assert shown.error is None
    return shown


@contextlib.contextmanager
def interrupted_at_its_reading(server: DemoServer) -> Iterator[None]:
    """Interrupt, as a person does, what runs inside once it waits for the balance."""
    before = server.requests_seen["/v1/credits"]

    def interrupt() -> None:
        server.wait_for_requests(before + 1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    yield
    thread.join()


# -- the cell itself -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell",
    [
        "account.spend(2)\n6 * 7",
        "import asyncio\nawait asyncio.sleep(0)\nasync with asyncio.Lock():\n    pass\n6 * 7",
        "x = 6 * 7",
        "# nothing but a comment",
        "\n\n6 * 7",
        "print('printed')\n'{not} $expanded'",
        "%%bash\necho from bash",
        "\n%%bash\necho from bash",
        "%%time\naccount.spend(2)\n6 * 7",
        "%pwd",
        "1 / 0",
        "what is this",
        "if True:\n6",
        "raise SystemExit",
    ],
)
def test_a_cell_gives_what_it_gives_without_the_line(shell: Shell, cell: str) -> None:
    bare, metered = shell.run(cell), shell.run(f"{LINE}\n{cell}")
    assert metered.value == bare.value
    assert type(metered.error) is type(bare.error)
    *shown, line = metered.out.splitlines()
    if "%%time" in cell:  # no two runs take the same time
        shown = [text.split(":")[0] for text in shown]
        assert shown == [text.split(":")[0] for text in bare.out.splitlines()]
    elif bare.error is None:
        assert shown == bare.out.splitlines()
    assert "nothing spent" in line or line.startswith("2 credits · ")


def test_tracebacks_name_the_lines_that_people_see(shell: Shell) -> None:
    shown = shell.run(f"{LINE}\nx = 1\nx / 0")
    assert isinstance(shown.error, ZeroDivisionError)
    assert "line 3" in shown.out
    assert "evolink_nb" not in shown.out


def test_each_event_fires_once(shell: Shell) -> None:
    fired: list[str] = []
    events = {name: lambda *_, name=name: fired.append(name) for name in ("pre_run_cell", "post_run_cell")}
    for name, note in events.items():
        shell.ip.events.register(name, note)
    shell.run(f"{LINE}\n6 * 7")
    shell.run(f"{LINE}\n1 / 0")
    for name, note in events.items():
        shell.ip.events.unregister(name, note)
    # Of the cell in which they were registered, and the one in which they go, there is none.
    assert fired == ["pre_run_cell", "post_run_cell"] * 2


def test_the_line_says_the_cost(shell: Shell) -> None:
    line = cost_line(settled(shell, "account.spend('1.36')"))
    assert settled_cost(line) == "1.36 credits"
    assert line.endswith(" · 1,094.0396 left · about 804 more runs like this")


def test_others_on_the_account_are_said(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "SettleTiming", functools.partial(SettleTiming, shared_after=0.3))
    shell.ip.user_ns["other"] = OTHER_KEY
    line = cost_line(settled(shell, "account.spend(1); account.spend(4, key=other)"))
    assert line.startswith("1 credit · ")
    assert "4 by others on the account" in line
    assert "shared" in line


def test_it_waits_for_nothing_but_the_first_figure(shell: Shell, demo_server: DemoServer) -> None:
    demo_server.account.settle_after = (60, 60)
    shown = shell.run(f"{LINE}\naccount.reserve(2)")
    assert cost_line(shown).startswith("2 credits · settling … · ")


def test_what_changed_is_printed_after_a_later_cell(shell: Shell, demo_server: DemoServer) -> None:
    demo_server.account.settle_after = (0.3, 0.3)
    shell.run(f"{LINE} -o cost\naccount.reserve(2, cost=1)")
    assert shell.ip.user_ns["cost"].wait(30)
    assert settled_cost(cost_line(shell.run("pass"))) == "1 credit"
    assert shell.run("pass").out == ""


def test_what_settles_while_a_later_cell_ends_is_printed_after_the_next(
    shell: Shell, demo_server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo_server.account.settle_after = (0.3, 0.3)
    shell.run(f"{LINE}\naccount.reserve(2, cost=1)")
    send_again = PrintedLine.send_again

    def send_and_settle(line: PrintedLine) -> None:
        send_again(line)
        until(lambda: line.over)

    with monkeypatch.context() as slow:
        slow.setattr(PrintedLine, "send_again", send_and_settle)
        shell.run("pass")
    assert settled_cost(cost_line(shell.run("pass"))) == "1 credit"
    assert shell.run("pass").out == ""


def test_an_interrupt_is_the_cell_s_own_and_its_cost_is_said(shell: Shell) -> None:
    shown = shell.run(f"{LINE}\naccount.spend(2)\nimport signal; signal.raise_signal(signal.SIGINT)")
    assert isinstance(shown.error, KeyboardInterrupt)
    assert cost_line(shown).startswith("2 credits · ")


def test_what_is_typed_ends_with_an_empty_line_as_a_cell_magic_does(shell: Shell) -> None:
    for typed in (LINE, f"{LINE}\nx = 1", f"{LINE} --max 5\nfor x in y:"):
        assert shell.ip.check_complete(typed)[0] == "incomplete"
    assert shell.ip.check_complete(f"{LINE}\nx = 1\n\n")[0] == "complete"


# -- the options ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("--frobnicate", "unrecognized arguments: --frobnicate"),
        ("--max", "argument --max: expected one argument"),
        ("--max 0", "argument --max: '0' is not a number of credits above 0: write 5 or 0.5"),
        ("--max nan", "argument --max: 'nan' is not a number of credits above 0: write 5 or 0.5"),
        ("--max 5e3", "argument --max: '5e3' is not a number of credits above 0: write 5 or 0.5"),
        ("--settle -1", "argument --settle: '-1' is not a number of seconds: write 30 or 0.5"),
        ("--settle inf", "argument --settle: 'inf' is not a number of seconds: write 30 or 0.5"),
        ("-o 7up", "argument -o: '7up' is not the name of a variable: write cost or cost_2"),
        ("--max 'five", "No closing quotation"),
        ("--demo --key-env NAME", "--demo needs no key: leave out --key-env."),
    ],
)
def test_bad_options_are_one_line_and_the_cell_does_not_run(
    shell: Shell, demo_server: DemoServer, options: str, complaint: str
) -> None:
    shown = shell.run(f"{LINE} {options}\nran = True")
    assert shown.error is not None
    assert complaint in shown.err + shown.out
    assert len((shown.err + shown.out).strip().splitlines()) == 1
    assert type(shown.error) is UsageError
    assert "ran" not in shell.ip.user_ns
    assert demo_server.requests_seen == {}


def test_the_cost_is_kept_in_a_variable(shell: Shell) -> None:
    shown = shell.run(f"{LINE} -o cost\nseen = cost.confidence\naccount.spend(2)")
    assert shown.error is None
    cost = shell.ip.user_ns["cost"]
    assert shell.ip.user_ns["seen"] == "unknown"
    assert cost.wait(30)
    assert (cost.token, cost.user, cost.others, cost.confidence) == (2, 2, 0, "clean")


def test_quiet_shows_nothing_and_keeps_the_cost(shell: Shell, book: MemoryLedger) -> None:
    shown = shell.run(f"{LINE} -q -o cost\naccount.spend(2)")
    assert (shown.displays, shown.err) == ([], "")
    assert "credits" not in shown.out
    assert shell.ip.user_ns["cost"].wait(30)
    assert "credits" not in shell.run("pass").out
    [entry] = book.entries()
    assert entry.cost.token == 2


def test_help_names_every_option(shell: Shell) -> None:
    magic = shell.ip.find_cell_magic("evolink_credits")
    found = shell.ip.object_inspect(LINE)
    assert found["found"]
    for action in magic.parser._actions:
        assert action.option_strings[-1] in found["docstring"]
        assert action.help in " ".join(found["docstring"].split())
    assert "as if this line were not there" in found["docstring"]


OPTIONS = ["--max", "--settle", "--demo", "--key-env"]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (f"{LINE} --", OPTIONS),
        (f"{LINE} --max 5 --s", ["--settle"]),
        ("%evolink_track --", ["--demo", "--key-env"]),
        ("%evolink_costs --", ["--csv", "--pandas"]),
    ],
)
def test_options_are_completed(shell: Shell, typed: str, offered: list[str]) -> None:
    shell.ip.Completer.use_jedi = False
    with provisionalcompleter():
        completions = [found.text for found in shell.ip.Completer.completions(typed, len(typed))]
    assert completions == offered


@pytest.mark.parametrize("magic", ["%%time", "%%capture shown"])
def test_below_another_cell_magic_it_measures_what_is_below_itself(
    shell: Shell, book: MemoryLedger, magic: str
) -> None:
    shown = shell.run(f"{magic}\n{LINE} --settle 30\naccount.spend(2)\n6 * 7")
    assert shown.error is None
    [entry] = book.entries()
    assert (entry.name, entry.cost.token, entry.cost.confidence) == ("account.spend(2)", Decimal(2), "clean")
    if "capture" not in magic:
        assert "\n2 credits · " in shown.out
    failed = shell.run(f"{magic}\n{LINE}\n1 / 0")
    assert "evolink_nb" not in failed.out
    if "capture" not in magic:
        assert isinstance(failed.error, ZeroDivisionError)
    bad = shell.run(f"{magic}\n{LINE} --max none\nran = True")
    if "capture" not in magic:  # which keeps errors to itself
        assert "'none' is not a number of credits above 0: write 5 or 0.5" in str(bad.error)
    assert "ran" not in shell.ip.user_ns


# -- a balance that can't be read ----------------------------------------------------------------------


def test_without_a_balance_a_cell_runs_and_its_cost_is_unknown(
    shell: Shell, demo_server: DemoServer, book: MemoryLedger
) -> None:
    demo_server.fault(status=401)
    shown = shell.run(f"{LINE}\n6 * 7")
    assert shown.value == 42
    assert shown.error is None
    assert cost_line(shown).startswith("cost unknown: the balance could not be read")
    [entry] = book.entries()
    assert entry.cost.credits is None


def test_without_a_balance_a_cell_with_a_limit_does_not_run(
    shell: Shell, demo_server: DemoServer, book: MemoryLedger
) -> None:
    demo_server.fault(status=401)
    shown = shell.run(f"{LINE} --max 5\nran = True")
    assert isinstance(shown.error, CellRefused)
    assert "ran" not in shell.ip.user_ns
    assert shown.out.startswith("CellRefused: The cell was not run: --max can't be watched")
    assert "cost" not in shown.out
    assert "Traceback" not in shown.out
    assert book.entries() == ()
    demo_server.clear_faults()
    assert shell.run(f"{LINE} --max 5\n6 * 7").value == 42


def test_without_a_key_a_cell_runs_and_the_line_says_what_is_missing(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(credentials.API_KEY_VARIABLE)
    shown = shell.run(f"{LINE} -o cost\n6 * 7")
    assert shown.value == 42
    [line] = shown.displays
    assert line["text/plain"].startswith("cost unknown: ")
    cost = shell.ip.user_ns["cost"]
    assert cost.wait(1)
    assert (cost.credits, cost.confidence) == (None, "unknown")
    assert "No EvoLink API key was found." in cost.reason
    assert isinstance(shell.run(f"{LINE} --max 5\nran = True").error, CellRefused)
    assert "ran" not in shell.ip.user_ns


@pytest.mark.parametrize("options", ["", " --max 5"])
def test_a_cell_whose_balance_is_being_read_can_be_interrupted_and_does_not_run(
    shell: Shell, demo_server: DemoServer, book: MemoryLedger, options: str
) -> None:
    demo_server.fault(latency=600)
    with interrupted_at_its_reading(demo_server):
        shown = shell.run(f"{LINE}{options}\nran = True")
    assert isinstance(shown.error, CellRefused)
    assert shown.out.strip().splitlines() == [
        "CellRefused: The cell was not run: it was interrupted while the balance was read."
    ]
    assert "ran" not in shell.ip.user_ns
    assert book.entries() == ()
    demo_server.clear_faults()
    assert shell.run("6 * 7").value == 42


# -- limits --------------------------------------------------------------------------------------------

# Each spends 1 credit at a step, and notes when; the last line is where it then is.
# The time is noted before: a stop may come as soon as the credit is spent.
STEPS = "import time\ntimes = []\ndef step():\n    times.append(time.monotonic()); account.spend(1)\n"
WHERE = {
    "a retry loop": (
        "while True:\n    try:\n        step(); time.sleep(0.02); raise ConnectionError\n"
        "    except Exception:\n        pass"
    ),
    "a sleep": "for _ in range(5): step()\ntime.sleep(60)",
    "a blocking read": (
        "import socket\nwith socket.create_connection(silent, timeout=60) as connection:\n"
        "    for _ in range(5): step()\n    connection.recv(1)"
    ),
    "an await": "import asyncio\nfor _ in range(5): step()\nawait asyncio.sleep(60)",
    "a loop that awaits": "import asyncio\nwhile True:\n    step(); await asyncio.sleep(0.02)",
    "a timed loop": "%%time\nwhile True:\n    step(); time.sleep(0.02)",
    "a loop below %%time": "%%time\n%%evolink_credits --max 5\nwhile True:\n    step(); time.sleep(0.02)",
}


@pytest.mark.parametrize("where", WHERE)
def test_a_cell_is_stopped_once_it_has_spent_what_it_may(shell: Shell, where: str) -> None:
    work = WHERE[where]
    shell.run(STEPS)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        shell.ip.user_ns["silent"] = silent.getsockname()
        shown = shell.run(work if LINE in work else f"{LINE} --max 5\n{work}")
    stopped = time.monotonic()
    assert isinstance(shown.error, BudgetExceeded)
    assert 5 <= shown.error.spent <= len(shell.ip.user_ns["times"])
    assert "BudgetExceeded: --max 5 stopped the work at " in shown.out
    # Where an event loop waits, a terminal shows the interrupt itself before.
    assert ("Traceback" in shown.out) == ("await" in work)
    assert stopped - shell.ip.user_ns["times"][4] < WatchTiming().interval + LATENCY
    # Nothing is left that could stop or change what comes next.
    assert not budgets.any_armed()
    shell.run("after = 6 * 7")
    assert shell.ip.user_ns["after"] == 42
    assert not the_fetcher().running


@pytest.mark.parametrize(
    "cell",
    [
        f"  {LINE} --max 5\n  account.spend(5)\n  import time; time.sleep(60)",
        f"   \n{LINE} --max 5\naccount.spend(5)\nimport time; time.sleep(60)",
        f">>> {LINE} --max 5\n>>> account.spend(5)\n>>> import time; time.sleep(60)",
        f"In [1]: {LINE} --max 5\n   ...: account.spend(5)\n   ...: import time; time.sleep(60)",
    ],
    ids=["indented", "below a blank line", "with Python's prompts", "with IPython's prompts"],
)
def test_a_limit_holds_however_the_cell_was_pasted(shell: Shell, cell: str) -> None:
    assert isinstance(shell.run(cell).error, BudgetExceeded)


def test_a_cell_within_its_limit_is_left_alone(shell: Shell) -> None:
    shown = shell.run(f"{LINE} --max 5 --settle 30\naccount.spend(4)\n6 * 7")
    assert (shown.value, shown.error) == (42, None)
    assert settled_cost(cost_line(shown)) == "4 credits"


def test_a_person_s_interrupt_of_a_limited_cell_stays_one(shell: Shell) -> None:
    shown = shell.run(f"{LINE} --max 5\nimport signal; signal.raise_signal(signal.SIGINT)")
    assert isinstance(shown.error, KeyboardInterrupt)
    assert "BudgetExceeded" not in shown.out
    assert "signal.raise_signal(signal.SIGINT)" in shown.out  # where it was


def test_an_error_of_a_limited_cell_is_its_own(shell: Shell) -> None:
    shown = shell.run(f"{LINE} --max 5\n1 / 0")
    assert isinstance(shown.error, ZeroDivisionError)


def test_what_shows_exceptions_for_somebody_else_goes_on_doing_so(shell: Shell) -> None:
    seen: list[BaseException] = []

    def show(_shell: Any, _kind: Any, error: BaseException, _trace: Any, tb_offset: Any = None) -> None:  # noqa: ARG001 - IPython's own
        seen.append(error)

    shell.ip.set_custom_exc((ZeroDivisionError,), show)
    before = shell.ip.custom_exceptions, shell.ip.CustomTB
    shell.run(f"{LINE} --max 5\n1 / 0")
    shell.run(f"{LINE} --max 5\naccount.spend(5)\nimport time; time.sleep(60)")
    assert (shell.ip.custom_exceptions, shell.ip.CustomTB) == before
    assert [type(error) for error in seen] == [ZeroDivisionError]
    shell.ip.set_custom_exc((), None)


def test_a_handler_of_exceptions_that_a_cell_sets_stays(shell: Shell) -> None:
    def show(_shell: Any, _kind: Any, _error: Any, _trace: Any, tb_offset: Any = None) -> None:
        pass

    shell.ip.user_ns["show"] = show
    shell.run(f"{LINE} --max 5\nget_ipython().set_custom_exc((ZeroDivisionError,), show)")
    assert shell.ip.custom_exceptions == (ZeroDivisionError,)
    shell.ip.set_custom_exc((), None)


def test_a_session_s_budget_that_ends_the_cell_that_sets_it_is_all_that_is_shown(shell: Shell) -> None:
    shell.run(STEPS)
    shown = shell.run(f"import evolink_nb\nsession = evolink_nb.budget(5)\n{WHERE['a retry loop']}")
    assert isinstance(shown.error, BudgetExceeded)
    assert "The session's budget of 5 credits stopped the work" in shown.out
    assert "KeyboardInterrupt" not in shown.out
    shell.run("session.cancel()")


def test_a_session_s_budget_set_after_a_magic_is_shown_as_such(shell: Shell) -> None:
    """What measures cells is imported by the magic, within the cell that the budget then stops."""
    shell.run(STEPS)
    budget = "import evolink_nb\nsession = evolink_nb.budget(5)"
    shown = shell.run(f"c = %evolink_credits\n{budget}\n{WHERE['a retry loop']}")
    assert isinstance(shown.error, BudgetExceeded)
    assert "KeyboardInterrupt" not in shown.out
    assert shell.run("session.exceeded is None").value
    shell.run("session.cancel()")


def test_a_session_s_budget_counts_across_cells_and_lets_what_spends_nothing_run(shell: Shell) -> None:
    shell.run(STEPS)
    assert shell.run("import evolink_nb; session = evolink_nb.budget(5)").error is None
    assert shell.run("for _ in range(3): step()").error is None
    shown = shell.run(WHERE["a retry loop"])
    assert isinstance(shown.error, BudgetExceeded)
    assert "The session's budget of 5 credits stopped the work" in shown.out
    assert "KeyboardInterrupt" not in shown.out
    fetcher = the_fetcher()
    until(lambda: not fetcher.running)

    # What the stopped cell began shows only now: it is nothing that the next one spends.
    shell.ip.user_ns["account"].spend(4)
    shell.ip.user_ns["fetcher"] = fetcher
    watched = shell.run(
        "revision = fetcher.revision\nwhile fetcher.revision < revision + 4: time.sleep(0.01)\n6 * 7"
    )
    assert (watched.value, watched.error) == (42, None)
    assert isinstance(shell.run(WHERE["a retry loop"]).error, BudgetExceeded)
    shell.run("session.cancel()")
    assert shell.run("step(); 6 * 7").value == 42


def test_a_session_s_budget_knows_what_was_read_as_a_cell_settled(shell: Shell) -> None:
    shell.run("import evolink_nb; session = evolink_nb.budget(5)")
    shell.run(f"{LINE} --settle 30\naccount.spend(7); account.settle_all()")
    assert shell.run("session.left").value == -2
    shell.ip.user_ns["fetcher"] = the_fetcher()
    # It is over; yet no later cell has spent it.
    watched = shell.run("revision = fetcher.revision\nwhile fetcher.revision < revision + 4: pass\n6 * 7")
    assert (watched.value, watched.error) == (42, None)
    shell.run("session.cancel()")


def test_a_session_s_budget_rests_after_a_cell_that_another_stopped(shell: Shell) -> None:
    shell.run("import evolink_nb, time; session = evolink_nb.budget(100)")
    shown = shell.run(f"{LINE} --max 2\naccount.spend(3)\ntime.sleep(60)")
    assert isinstance(shown.error, BudgetExceeded)
    assert "--max 2" in shown.error.name
    assert not budgets.any_armed()
    shell.run("session.cancel()")


def test_an_interrupt_as_a_cell_ends_keeps_nothing_armed(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.run("import evolink_nb; session = evolink_nb.budget(100)")
    real = CreditsFetcher.detach

    def interrupted(*_args: Any) -> None:
        monkeypatch.setattr(CreditsFetcher, "detach", real)
        raise KeyboardInterrupt

    monkeypatch.setattr(CreditsFetcher, "detach", interrupted)
    shown = shell.run(f"{LINE} --max 50 --settle 5\npass")
    assert not budgets.any_armed()
    assert shell.ip.custom_exceptions == ()
    assert "nothing spent" in shown.out
    shell.run("session.cancel()")


def test_a_cell_is_not_run_when_the_reading_that_a_spent_session_takes_before_it_is_interrupted(
    shell: Shell, demo_server: DemoServer
) -> None:
    shell.run("import evolink_nb; session = evolink_nb.budget(5)")
    assert isinstance(shell.run("account.spend(5)\nimport time; time.sleep(60)").error, BudgetExceeded)
    demo_server.fault(latency=600)
    with interrupted_at_its_reading(demo_server):
        shown = shell.run("ran = True")
    assert isinstance(shown.error, CellRefused)
    assert "ran" not in shell.ip.user_ns
    demo_server.clear_faults()
    assert shell.run("6 * 7").value == 42
    shell.run("session.cancel()")


def test_the_session_s_budget_is_named_where_it_trips_before_the_cell_s(shell: Shell) -> None:
    shell.run(STEPS)
    shell.run("import evolink_nb; session = evolink_nb.budget(3)")
    shown = shell.run(f"{LINE} --max 50\n{WHERE['a retry loop']}")
    assert isinstance(shown.error, BudgetExceeded)
    assert "session" in shown.error.name
    shell.run("session.cancel()")


def test_work_that_swallows_the_stop_is_said_at_once_in_the_cell_and_on_the_card(shell: Shell) -> None:
    shell.run("%evolink_credits")
    fetcher = the_fetcher()
    shell.ip.user_ns["fetcher"] = fetcher
    stubborn = (
        "import time\nheld = 0\nwhile not fetcher.notice:\n    try:\n"
        "        held or account.spend(5)\n        while not fetcher.notice: time.sleep(0.01)\n"
        "    except KeyboardInterrupt:\n        held += 1\nnotice = fetcher.notice"
    )
    shown = shell.run(f"{LINE} --max 5\n{stubborn}")
    assert isinstance(shown.error, BudgetExceeded)
    assert shell.ip.user_ns["held"] >= 1
    assert "can't be interrupted" in shown.err
    assert "can't be interrupted" in shell.ip.user_ns["notice"]
    assert fetcher.notice == ""


# A call takes its time, as real ones do.
CALL = "account.spend(2)\nimport time; time.sleep(0.1)"

# -- every cell ----------------------------------------------------------------------------------------


def test_tracked_cells_that_spend_get_a_line_and_an_entry_and_others_nothing(
    shell: Shell, book: MemoryLedger
) -> None:
    assert shell.run("%evolink_track").out == TRACKING_OFF
    assert shell.run("%evolink_track on").out == TRACKING_ON
    until(lambda: the_fetcher().credits)
    assert shell.run("6 * 7").out.endswith(" 42\n")
    assert shell.run(CALL).out == ""
    said = [shell.run("pass").out]
    until(lambda: book.entries() and book.entries()[-1].cost.settled)

    def is_said() -> bool:
        said.append(shell.run("pass").out)
        return "2 credits · " in said[-1] and "settling" not in said[-1]

    until(is_said)
    assert "nothing spent" not in "".join(said)
    assert [(entry.kind, entry.name, entry.cost.token) for entry in book.entries()] == [
        ("cell", CALL.splitlines()[0], Decimal(2))
    ]
    assert shell.run("%evolink_track off").out == TRACKING_OFF
    shell.run(CALL)
    until(lambda: not the_fetcher().running)
    assert len(book.entries()) == 1


def test_what_a_cell_measured_on_another_key_spends_is_no_clean_part_of_the_one_before(
    shell: Shell, demo_server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANOTHER_KEY", demo_server.key_of(OTHER_KEY))
    demo_server.account.settle_after = (60, 60)
    shell.run(f"{LINE} -o first\naccount.reserve(2, cost=2)")
    shell.run(f"{LINE} --key-env ANOTHER_KEY\naccount.reserve(3, cost=3)")
    demo_server.account.settle_all()
    assert shell.ip.user_ns["first"].wait(30)
    assert shell.ip.user_ns["first"].confidence != "clean"


def test_a_metered_cell_is_measured_once_while_all_are_tracked(shell: Shell, book: MemoryLedger) -> None:
    shell.run("%evolink_track on")
    settled(shell, SPEND)
    assert [entry.cost.token for entry in book.entries()] == [2]


def test_a_tracked_cell_whose_cost_cannot_be_read_is_no_cell_that_spent_nothing(
    shell: Shell, demo_server: DemoServer, book: MemoryLedger
) -> None:
    demo_server.fault(status=401)
    shown = shell.run("%evolink_track on")
    assert (shown.out, shown.error) == (TRACKING_ON, None)
    assert "What they cost can't be read now: EvoLink answered 401" in shown.err
    shell.run(CALL)
    until(nothing_settles)
    assert [entry.cost.credits for entry in book.entries()] == [None]
    assert cost_line(shell.run("pass")).startswith("cost unknown: the balance could not be read: ")
    # It was too short to have made a call.
    until(nothing_settles)
    assert len(book.entries()) == 1


def test_tracking_needs_a_key(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(credentials.API_KEY_VARIABLE)
    assert isinstance(shell.run("%evolink_track on").error, errors.ConfigurationError)
    assert shell.run("%evolink_track").out == TRACKING_OFF
    assert type(shell.run("%evolink_track perhaps").error) is UsageError


# -- what cells have cost ------------------------------------------------------------------------------


def test_nothing_measured_yet_says_how_to_begin(shell: Shell) -> None:
    shown = shell.run("%evolink_costs")
    assert "Nothing has been measured yet." in shown.out
    assert LINE in shown.out


def test_a_file_for_the_costs_may_have_spaces_in_its_name(shell: Shell, tmp_path: Path) -> None:
    for mark, name in (("'", "the day.csv"), ('"', "the night.csv")):
        file = tmp_path / name
        assert shell.run(f"%evolink_costs --csv {mark}{file}{mark}").error is None
        assert file.read_text(encoding="utf-8").startswith("name,")


def test_a_file_for_the_costs_that_can_not_be_written_is_told_in_one_line(
    shell: Shell, tmp_path: Path
) -> None:
    shown = shell.run(f"%evolink_costs --csv '{tmp_path / 'nowhere' / 'bill.csv'}'")
    assert type(shown.error) is UsageError
    assert shown.err.strip().endswith("bill.csv can't be written: No such file or directory.")
    assert len(shown.err.strip().splitlines()) == 1


def test_the_costs_have_a_row_for_each_cell_and_runs_of_one_are_compared(shell: Shell) -> None:
    for amount in (2, 4):
        shell.ip.user_ns["amount"] = amount
        settled(shell, "account.spend(amount)")
    settled(shell, "account.spend(1)")
    costs = shell.run("%evolink_costs").value
    assert [(row.name, row.runs, row.total, row.last, row.change) for row in costs.rows] == [
        ("account.spend(amount)", 2, 6, 4, 2),
        ("account.spend(1)", 1, 1, 1, None),
    ]
    assert costs.total == 7


def test_what_is_spent_between_two_metered_cells_is_a_row_of_its_own(
    shell: Shell, demo_server: DemoServer
) -> None:
    settled(shell, SPEND)
    demo_server.account.spend("3.5")
    settled(shell, SPEND)
    costs = shell.run("%evolink_costs").value
    assert {row.name: row.total for row in costs.rows} == {SPEND: 4, ledger.IDLE_NAME: Decimal("3.5")}
    # Nothing went while nothing ran after that.
    settled(shell, SPEND)
    assert [row.runs for row in shell.run("%evolink_costs").value.rows if row.kind == "idle"] == [1]


def test_what_a_cell_spends_that_is_not_metered_is_no_idle_drain(shell: Shell) -> None:
    settled(shell, SPEND)
    shell.run("account.spend(5)")
    settled(shell, SPEND)
    assert [row.kind for row in shell.run("%evolink_costs").value.rows] == ["cell"]


def test_what_a_cell_spends_while_the_one_before_it_settles_is_no_idle_drain(
    shell: Shell, demo_server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "SettleTiming", functools.partial(SettleTiming, shared_after=0.3))
    demo_server.account.settle_after = (60, 60)
    shell.run(f"{LINE} -o first\naccount.spend(2)")
    shell.run(f"{LINE}\naccount.reserve(3)")
    assert shell.ip.user_ns["first"].wait(30)
    settled(shell, "pass")
    costs = shell.run("%evolink_costs").value
    assert {row.name: row.total for row in costs.rows} == {
        "account.spend(2)": 2,
        "account.reserve(3)": 3,
        "pass": 0,
    }


def test_what_is_spent_between_two_tracked_cells_is_a_row_of_its_own(
    shell: Shell, demo_server: DemoServer, book: MemoryLedger
) -> None:
    shell.run("%evolink_track on")
    shell.run(CALL)
    until(lambda: book.entries() and book.entries()[0].cost.settled)
    shell.ip.user_ns["fetcher"] = fetcher = the_fetcher()
    until(lambda: not active_measurements.all())
    demo_server.account.spend("3.5")
    fetcher.read()
    shell.run("before = fetcher.updated_at\nwhile fetcher.updated_at == before: fetcher.read()")
    until(lambda: len(book.entries()) == 2)
    assert [(entry.kind, entry.cost.token) for entry in book.entries()] == [
        ("cell", Decimal(2)),
        ("idle", Decimal("3.5")),
    ]


def test_what_is_spent_on_the_demo_account_is_said_to_be(shell: Shell, demo_server: DemoServer) -> None:
    settled(shell, "account.spend(2)")
    demo_server.fault(status=503)
    shell.run(f"{LINE} -o cost\npass")
    assert (shell.ip.user_ns["cost"].credits, shell.ip.user_ns["cost"].simulated) == (None, True)
    assert "in EvoLink credits (demo data)" in shell.run("%evolink_costs").out


def test_the_costs_are_given_as_csv_and_as_a_table_of_pandas(
    shell: Shell, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settled(shell, SPEND)
    shown = shell.run("%evolink_costs --csv")
    assert shown.value is None
    header, row = shown.out.splitlines()
    assert header.startswith("name,kind,runs,")
    assert row.startswith(f"{SPEND},cell,1,0,0,2")
    assert shell.run("%evolink_costs --csv costs.csv").out == ""
    assert (tmp_path / "costs.csv").read_text() == shown.out
    table = shell.run("%evolink_costs --pandas").value
    assert list(table["total_credits"]) == [2.0]


def test_a_ledger_that_fails_once_ends_no_settling(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shell.run(f"{LINE} -o first\npass")
    with monkeypatch.context() as broken:
        broken.setattr(MemoryLedger, "entries", None)
        assert shell.ip.user_ns["first"].wait(30)
        until(lambda: caplog.records)
    assert "could not be shown" in caplog.text
    shell.run(f"{LINE} -o second\n{SPEND}")
    assert shell.ip.user_ns["second"].wait(30)
    assert shell.ip.user_ns["second"].token == 2


def test_a_csv_goes_into_the_home_folder_and_one_that_cannot_be_written_is_one_line(
    shell: Shell, clean_environment: Path
) -> None:
    assert shell.run("%evolink_costs --csv ~/costs.csv").error is None
    assert (clean_environment / "costs.csv").read_text().startswith("name,kind,")
    for options in ("--csv ~/no/such/folder/costs.csv", "--csv --pandas"):
        shown = shell.run(f"%evolink_costs {options}")
        assert type(shown.error) is UsageError
        assert len((shown.err + shown.out).strip().splitlines()) == 1


# -- for how many more runs it lasts -------------------------------------------------------------------


def test_cards_say_for_how_many_more_runs_of_the_last_cell_the_credits_last(
    shell: Shell, demo_server: DemoServer
) -> None:
    settled(shell, "account.spend('95.3996')")
    fetcher = the_fetcher()
    until(lambda: fetcher.outlook)
    assert fetcher.outlook == "enough for about 10 more runs of account.spend('95.3996')"
    demo_server.account.spend("800")
    fetcher.read()
    assert fetcher.outlook == "enough for about 2 more runs of account.spend('95.3996')"
    settled(shell, "account.spend('100')")
    outlook = "enough for about 1 more run of account.spend('100')"
    until(lambda: fetcher.outlook == outlook)
    assert outlook in shell.run("%evolink_credits").out
    # A cell that spends nothing says nothing about the next one.
    settled(shell, "6 * 7")
    assert fetcher.outlook == outlook
    demo_server.account.spend("50")
    fetcher.read()
    assert fetcher.outlook == "not enough for another run of account.spend('100')"


def test_a_cell_that_still_settles_when_all_is_unloaded_says_nothing_on_the_cards_any_more(
    shell: Shell, demo_server: DemoServer
) -> None:
    demo_server.account.settle_after = (60, 60)
    shell.run(f"{LINE}\naccount.reserve(2)")
    fetcher = the_fetcher()
    shell.ip.run_line_magic("unload_ext", "evolink_nb")
    assert nothing_settles()
    assert fetcher.outlook == ""
    shell.ip.run_line_magic("load_ext", "evolink_nb")
