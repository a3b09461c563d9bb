"""The notebooks: committed as they were written, and running from top to bottom, with a key and without."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import nbformat
import pytest

from evolink_nb.api import settings
from evolink_nb.demo import OWN_KEY, Account, DemoServer
from lite import build
from tests.support.environment import account_of, isolated_environment
from tests.support.notebooks import Job, error_of, run_notebooks, text_of
from tests.support.postgres import postgres_folder

FOLDER = Path(__file__).parents[2] / "notebooks"
WITH_KEY = ("quickstart", "cost-of-a-cell", "budgets")
"""Those that also run on the account of a key."""
NAMES = (*WITH_KEY, "history", "team")
RUNS = (*NAMES, *(f"{name} with a key" for name in WITH_KEY))
STOPPED = "raises-exception"
"""The tag of cells whose error is meant: whatever runs a whole notebook goes on after them."""


ORDER_TAKES = Decimal("0.5")
"""Seconds that an order of `budgets.ipynb` takes at least; it costs 1 credit."""


@dataclass
class Ran:
    """A notebook after its last cell; `server` has the account it ran on, if that was not its kernel's."""

    cells: list[Any]
    server: DemoServer | None = None

    def output(self, source: str) -> str:
        """What the code cell that holds `source` brought, as text."""
        [cell] = [cell for cell in self.cells if cell.cell_type == "code" and source in cell.source]
        return text_of(cell)

    def spent(self, source: str) -> Decimal:
        """The credits that the line under that cell names."""
        found = re.search(r"^(?:about )?([\d.]+) credits? · ", self.output(source), re.MULTILINE)
        assert found, self.output(source)
        return Decimal(found[1])

    @property
    def stopped(self) -> list[str]:
        """What the cells that ended in an error say of it, in their order."""
        errors = filter(None, map(error_of, self.cells))
        return ["\n".join(error.traceback) for error in errors]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ran]]:
    """Every notebook in demo mode, and as `<name> with a key`; all run at once, as they mostly wait."""
    postgres_folder()  # for the team
    home = isolated_environment(tmp_path_factory.mktemp("home"))
    with ExitStack() as stack:
        # These accounts pass for real ones: their answers don't say that they are simulated.
        servers = {name: stack.enter_context(DemoServer(prompt_account(), marked=False)) for name in WITH_KEY}
        environments = {name: home | {settings.DEMO_VARIABLE: "1"} for name in NAMES}
        environments |= {f"{name} with a key": home | account_of(server) for name, server in servers.items()}
        notebooks = {name: nbformat.read(path_of(name.split()[0]), as_version=4) for name in environments}
        run_notebooks([Job(notebooks[name], environment) for name, environment in environments.items()])
        yield {
            name: Ran(notebook.cells, servers[name.split()[0]] if name.endswith("key") else None)
            for name, notebook in notebooks.items()
        }


def prompt_account() -> Account:
    """An account whose calls settle soon, and for what they reserved."""
    return Account(settle_after=(0.1, 0.3), shortfall_rate=0, failure_rate=0)


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.ipynb"


def spent_at(stop: str) -> Decimal:
    """The credits that were spent when a stop was sent, as it says."""
    found = re.search(r"stopped the work at ([\d.]+) credits? spent", stop)
    assert found, stop
    return Decimal(found[1])


def test_every_notebook_is_tested() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_committed_with_outputs(ran: dict[str, Ran], name: str) -> None:
    """Those of a run in demo mode, by someone who has run nothing yet; `python -m tests.docs` makes them."""
    notebook = nbformat.read(path_of(name), as_version=4)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [None] * len(code)
    now = [cell for cell in ran[name].cells if cell.cell_type == "code"]
    for saved, fresh in zip(code, now, strict=True):
        assert (error_of(saved) is None) == (error_of(fresh) is None)
        assert words_of(saved) == words_of(fresh), saved.source


def words_of(cell: Any) -> set[str]:
    """The first words that it brought; figures, and what depends on when the account settled, may differ."""
    first = re.split("[·,:]", text_of(cell))[0]
    return set(re.findall(r"[a-z]{3,}", first.splitlines()[0] if first else "")) - {
        "about",
        "credit",
        "credits",
    }


@pytest.mark.parametrize("name", NAMES)
def test_what_it_points_to_is_there(name: str) -> None:
    targets = re.findall(r"\]\(([^):]+)\)", path_of(name).read_text(encoding="utf-8"))
    assert targets
    assert [target for target in targets if not (FOLDER / target).is_file()] == []


def test_the_site_has_no_dead_links() -> None:
    """The demo in the browser leaves some out, and what links to them."""
    assert {*build.NOTEBOOKS, *build.LEFT_OUT} == {f"{name}.ipynb" for name in NAMES}
    for name in build.NOTEBOOKS:
        text = build.for_the_site((FOLDER / name).read_text(encoding="utf-8"))
        assert {*re.findall(r"\]\(([^):]+\.ipynb)\)", text)} <= {*build.NOTEBOOKS}


@pytest.mark.parametrize("name", RUNS)
def test_only_the_cells_to_stop_fail(ran: dict[str, Ran], name: str) -> None:
    cells = ran[name].cells
    errors = {cell.id: error_of(cell).ename for cell in cells if error_of(cell) is not None}
    meant = [cell.id for cell in cells if STOPPED in cell.metadata.get("tags", [])]
    assert errors == dict.fromkeys(meant, "BudgetExceeded")


@pytest.mark.parametrize("name", WITH_KEY)
def test_a_key_is_used_and_not_kept(ran: dict[str, Ran], name: str) -> None:
    with_key = ran[f"{name} with a key"]
    assert with_key.server is not None
    assert with_key.server.requests_seen["/v1/images/generations"] >= 3
    assert [path for path in with_key.server.requests_seen if path.startswith("/demo")] == []
    assert with_key.server.key not in "".join(str(cell) for cell in with_key.cells)


class TestQuickstart:
    """quickstart.ipynb."""

    def test_quickstart_shows_card_and_cost(self, ran: dict[str, Ran]) -> None:
        """It shows a card, and what three images cost."""
        tour = ran["quickstart"]
        [live] = [cell for cell in tour.cells if cell.cell_type == "code" and "--live" in cell.source]
        view, saved = live.outputs
        assert "application/vnd.jupyter.widget-view+json" in view.data
        assert "demo data" in saved.data["text/plain"]
        assert tour.output("def make_image").count("credits reserved") == 3
        assert 0 < Decimal(tour.output("after = %evolink_credits").split()[0]) < 10
        assert "AuthenticationError: EvoLink answered 401" in tour.output("except EvoLinkError")

    def test_with_a_key_it_shows_that_account(self, ran: dict[str, Ran]) -> None:
        tour = ran["quickstart with a key"]
        assert "1,095.3996" in text_of(tour.cells[3])
        assert "demo data" not in text_of(tour.cells[3])


class TestCostOfACell:
    """cost-of-a-cell.ipynb; in demo mode its figures are those of the account's seed."""

    def test_the_line_says_cost_and_runs_left(self, ran: dict[str, Ran]) -> None:
        line = ran["cost-of-a-cell"].output('make_images("a lighthouse")')
        assert re.search(
            r"^2 credits · (.* · )?1,093.3996 left · about 546 more runs like this", line, re.MULTILINE
        )

    def test_a_reservation_is_called_unsettled(self, ran: dict[str, Ran]) -> None:
        """And it was more than the work cost."""
        said = ran["cost-of-a-cell"].output("By now the task is")
        assert "4 credits, unsettled: credits are reserved and not settled yet" in said
        assert "completed: 1 of 4 images were made" in said

    def test_a_cell_that_waits_knows_its_cost(self, ran: dict[str, Ran]) -> None:
        story = ran["cost-of-a-cell"]
        # Run at once after a cell that didn't wait, it can't always be told from that.
        assert re.search("^4 credits, (clean|shared)", story.output("by the whole account"))
        assert "4 by this key, 4 by the whole account" in story.output("by the whole account")
        assert re.search(
            r"^(about )?4 credits · (.* · )?(settled in \S+ s · )?[\d,.]+ left",
            story.output("-o cost --settle 30\nfor"),
            re.MULTILINE,
        )

    def test_others_and_a_top_up_are_told_apart(self, ran: dict[str, Ran]) -> None:
        said = ran["cost-of-a-cell"].output("this key {cost.token}")
        assert "this key 2, others 7.5, topped up by 500" in said
        assert "shared: others" in said

    def test_a_real_account_is_left_alone(self, ran: dict[str, Ran]) -> None:
        """And said to be one."""
        story = ran["cost-of-a-cell with a key"]
        assert story.output('simulate("spend"').count("This account is real") == 2
        assert "this key 2, others 0, topped up by 0\nconfirmed" in story.output("this key {cost.token}")

    def test_tracking_shows_a_line_per_spend(self, ran: dict[str, Ran]) -> None:
        story = ran["cost-of-a-cell"]
        assert story.spent('make_images("a pier")') > 0
        assert story.output("sum(range(1_000))").strip() == "499500"

    def test_runs_of_one_thing_are_compared(self, ran: dict[str, Ran]) -> None:
        bill = text_of(ran["cost-of-a-cell with a key"].cells[-4])
        # Folded or not, the figures follow the name.
        figures = bill.partition("a set of postcards")[2].split("%", 1)
        assert figures[0].split()[-3:-1] == ["2", "3"]
        assert re.sub("[▏▎▍▌▋▊▉█]", "", figures[1]).split()[:3] == ["1.5", "1", "-1"]

    def test_the_bill_is_what_was_charged(self, ran: dict[str, Ran]) -> None:
        story = ran["cost-of-a-cell with a key"]
        assert story.server is not None
        in_all = story.output("bill = ").split(" credits in total")[0]
        assert Decimal(in_all) == story.server.account.true_cost(OWN_KEY)


class TestBudgets:
    """budgets.ipynb."""

    @pytest.mark.parametrize("account", ["", " with a key"])
    def test_each_stop_names_the_budget(self, ran: dict[str, Ran], account: str) -> None:
        story = ran["budgets" + account]
        names = ["--max 3", "--max 2", "The budget 'this session' of 3 credits", "--max 1"]
        assert [stop.split(": ")[1].split(" stopped the work")[0] for stop in story.stopped] == names
        assert "The meter (max_credits=2) stopped the work" in story.output("print(stop)")
        assert story.output("print(stop.name)").splitlines()[-1] == "The budget 'a harbour' (max_credits=2)"

    @pytest.mark.parametrize("account", ["", " with a key"])
    def test_an_endless_loop_is_held(self, ran: dict[str, Ran], account: str) -> None:
        """A stop is over its limit by no more than was ordered since the balance was checked before."""
        story = ran["budgets" + account]
        stops = [*story.stopped, story.output("print(stop)")]
        for limit, stop in zip((3, 2, 3, 1, 2), stops, strict=True):
            spent = spent_at(stop)
            unseen = re.search(r"was checked ([\d.]+) s earlier", stop)
            # An order takes half a second or more. The figure is rounded to a tenth.
            ordered = (Decimal(unseen[1]) + Decimal("0.05")) / ORDER_TAKES if unseen else 0
            assert limit <= spent <= limit + ordered, stop

    @pytest.mark.parametrize(("cell", "stop"), [("--max 3", 0), ("suppress(Exception)", 1)])
    def test_what_was_done_is_kept(self, ran: dict[str, Ran], cell: str, stop: int) -> None:
        """The stop may come between an order and its line, and one or two more orders before it arrives."""
        story = ran["budgets with a key"]
        spent = spent_at(story.stopped[stop])
        assert spent - 1 <= story.output(cell).count("is ordered") <= spent + 2

    @pytest.mark.parametrize("account", ["", " with a key"])
    def test_free_cells_run_when_all_is_spent(self, ran: dict[str, Ran], account: str) -> None:
        said = ran["budgets" + account].output("print(session)")
        found = re.search(r"<The budget 'this session' of 3 credits: ([\d.]+) credits? spent, ", said)
        assert found, said
        if account:  # the other's orders may fail, and be paid back
            assert Decimal(found[1]) >= 3

    def test_a_tracked_loop_stays_in_its_limit(self, ran: dict[str, Ran]) -> None:
        story = ran["budgets with a key"]
        said = story.output("views = track(")
        assert "Stopped before item 5 of 40: 4 of 4 credits spent" in said
        assert "4 of 40 are done." in said
        again = story.output("prompts[len(done) :]")
        assert "In earlier runs an item cost 1 credit: 36 items ≈ 36 credits" in again
        assert "2 allowed, enough for about 2." in again
        assert again.count("is ordered") == 2

    @pytest.mark.parametrize("account", ["", " with a key"])
    def test_work_that_ignores_all_stops_paying(self, ran: dict[str, Ran], account: str) -> None:
        story = ran["budgets" + account]
        # A reading may come before the orders that are accepted by then.
        assert 1 <= story.output("--max 1").count("is ordered") <= 3
        assert story.stopped[-1].startswith("BudgetExceeded: --max 1 stopped the work at ")
        assert "it refused the next call" in story.stopped[-1]


class TestHistory:
    """history.ipynb."""

    def test_a_past_is_shown_as_a_chart(self, ran: dict[str, Ran]) -> None:
        story = ran["history"]
        [chart] = [
            cell.outputs[0] for cell in story.cells if cell.source == "%evolink_history --since 30d --by day"
        ]
        assert "<svg" in chart.data["text/html"]
        assert "demo data" in chart.data["text/plain"]
        assert "gap" in chart.data["text/plain"]

    def test_each_view_adds_up_to_the_same(self, ran: dict[str, Ran]) -> None:
        story = ran["history"]
        spent = story.output("simulate_past(client)").split()[-2]
        assert Decimal(spent) > 500
        for view in ("--by day", "--by cell", "--by notebook"):
            assert story.output(view).startswith(f"{spent} credits spent from")
        assert f"of {spent} credits" in story.output("max(")
        assert spent in story.output("%evolink_costs --since 30d")

    def test_budgets_count_what_was_before(self, ran: dict[str, Ran]) -> None:
        story = ran["history"]
        today = story.spent("covers for today")
        said = story.output("%evolink_budget 50 --per day")
        assert f"{today} credits spent already, {50 - today} left" in said
        assert re.search(
            r"^week +\S+ +\S+ +500  starts over on Mon", story.output("evolink_nb.budget(500"), re.MULTILINE
        )

    def test_the_forecast_names_a_day(self, ran: dict[str, Ran]) -> None:
        assert "credits: runs out on " in ran["history"].output("outlook(client, reading)")


class TestTeam:
    """team.ipynb."""

    def test_a_team_has_a_postgresql(self, ran: dict[str, Ran]) -> None:
        assert "A PostgreSQL server of its own" in ran["team"].output("TeamDatabase()")

    def test_cards_share_the_requests(self, ran: dict[str, Ran]) -> None:
        """One a second. Alone they make fifteen, as they do while the database is too busy to answer."""
        found = re.match(r"(\d+) requests in 5 s, for 3 cards", ran["team"].output("requests_in(5)"))
        assert found
        assert 1 <= int(found[1]) < 15

    def test_a_reader_that_dies_is_replaced(self, ran: dict[str, Ran]) -> None:
        said = ran["team"].output("member.kill()")
        found = re.search(r"another took over: (\w+) → (\w+)$", said, re.MULTILINE)
        assert found
        assert found[1] != found[2]
        assert not ran["team"].output("requests_in(3)").startswith("0 ")

    def test_it_says_who_spent_what(self, ran: dict[str, Ran]) -> None:
        lines = ran["team"].output("--by user").splitlines()
        assert [line.split()[:3] for line in lines if "<1 s" in line or "1 s" in line] == [
            ["ada", "1", "4"],
            ["ben", "1", "2"],
            ["cleo", "1", "1"],
        ]
