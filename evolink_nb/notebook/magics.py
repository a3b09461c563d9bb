"""The magics' names, options and help.

Light to import, because ``%load_ext`` must cost next to nothing. What does the work is imported in two steps:
`commands` when a magic is first used, and `spending` when anything is first measured or limited.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, parse_argstring
from traitlets import observe

from .arguments import (
    COST_WAYS,
    PERIODS,
    WAYS,
    credits,
    credits_or_off,
    label,
    limit,
    name,
    part,
    positive,
    seconds,
    unquoted,
)
from .configured.configuration import EvoLinkSettings
from .options import rules as option_rules
from .options.help import with_help
from .options.parsers import with_options
from .refusal import refuse_on_failure, report_unmeasured

if TYPE_CHECKING:
    import argparse

    from IPython.core.interactiveshell import InteractiveShell

    from ..card.widget import CreditsWidget
    from ..credits import Credits
    from .commands import Commands
    from .running import RunningCells

LINE_MAGICS = (
    *("evolink_budget", "evolink_costs", "evolink_credits", "evolink_history", "evolink_login"),
    "evolink_track",
)
CELL_MAGIC = "%%evolink_credits"


@magics_class
class EvoLinkMagics(Magics, EvoLinkSettings):
    """The balance of an EvoLink account, the key used to read it, and what cells cost."""

    def __init__(self, shell: InteractiveShell, running: RunningCells) -> None:
        """Serve one shell.

        Args:
            shell: The shell whose magics these are.
            running: The cells running in it.
        """
        self._commands: Commands | None = None
        self.registrations = ExitStack()
        """When closed, undoes what loading the extension registered."""
        # The configuration is applied after the environment, and so wins.
        self.take_environment()
        super().__init__(shell)
        self.unannounced: Callable[..., AbstractContextManager[None]] | None = None
        """Begins and ends a cell for which IPython fires no events; called by the code of that cell."""
        self._running = running

    @property
    def is_used(self) -> bool:
        """Whether `commands` has been used yet."""
        return self._commands is not None

    @property
    def watches_cells(self) -> bool:
        """Whether the configuration turns on tracking or sets a budget."""
        return bool(self.budget) or self.track

    def begin_configured(self) -> None:
        """Set the configured budget, and turn on tracking if it is configured."""
        if self.budget:
            self.commands.spending.configured_budget.ensure(self.budget, self.timezone)
        if self.track:
            self.commands.spending.configured_tracking.ensure()

    @property
    def commands(self) -> Commands:
        """The magics' behaviour; imported and created on first use."""
        if self._commands is None:
            from .commands import Commands  # noqa: PLC0415 - lazy: it imports requests and more

            self._commands = Commands(self.shell, self._running, self)
        return self._commands

    def expect_work(self) -> None:
        """Prepare for the running cell to measure or limit its work itself, as for every later cell."""
        if self._running.innermost is not None:
            _ = self.commands.spending  # once created, it knows that the cell is running

    @observe("quiet", "interval", "warn_below", "critical_below", "credits_per_dollar")
    def _apply_settings(self, _change: object) -> None:
        if self._commands is not None:
            self._commands.apply_settings()

    @observe("track")
    def _apply_tracking(self, _change: object) -> None:
        if self._commands is not None:
            self._commands.spending.configured_tracking.forget()

    @observe("history", "keep_readings", "keep_history")
    def _apply_history(self, _change: object) -> None:
        current = import_module("evolink_nb.history.current").current  # only if it is configured
        current.configure(self.history, self.keep_readings, self.keep_history)
        self.registrations.callback(current.configure, "", None, None)

    @no_var_expand
    @with_options()
    @argument("--live", action="store_true", help="Show a card that updates itself.")
    @argument("--html", action="store_true", help="The same as plain HTML, for front ends without widgets.")
    @argument("--compact", action="store_true", help="With --live or --html, a small card.")
    @argument("--every", type=positive, metavar="SECONDS", help="Seconds between readings (15).")
    @argument(
        "--warn-below",
        type=limit,
        metavar="LIMIT",
        help="Raise an alarm below this: 50 (credits) or 2h (left).",
    )
    @argument(
        "--critical-below",
        type=limit,
        metavar="LIMIT",
        help="Raise another alarm, a critical one, below this.",
    )
    @argument("--credits-per-dollar", type=positive, metavar="N", help="Show roughly what is left in USD.")
    @argument("--fresh", action="store_true", help="Read EvoLink itself, never what another kernel has read.")
    @argument("--json", action="store_true", help="Print the reading with the API's own field names.")
    @argument("--demo", action="store_true", help="Read a simulated account; no key needed.")
    @argument("--key-env", metavar="NAME", help="Take the key from this environment variable.")
    @line_magic
    @with_help
    def evolink_credits(self, line: str) -> Credits | None:
        """Show what the account and the key have left.

        The value is the reading, so ``c = %evolink_credits`` gives a ``Credits`` with ``c.spendable``,
        ``c.user.remaining``, ``c.token.remaining`` and more.
        """
        options = options_of(self.evolink_credits, line)
        option_rules.check_credits(options)
        return self.commands.show_credits(options)

    @no_var_expand
    @with_options()
    @argument("--save", action="store_true", help="Keep the key in the system keyring too.")
    @argument("--forget", action="store_true", help="Forget the key entered in this kernel.")
    @line_magic
    @with_help
    def evolink_login(self, line: str) -> Credits | None:
        """Ask for an API key without showing it, try it, and use it in this kernel from now on."""
        try:
            options = options_of(self.evolink_login, line)
        except UsageError:
            # The line is not quoted: it may contain the key.
            raise UsageError(
                "%evolink_login takes --save or --forget, and asks for the key itself. "
                "A key that was typed into a cell is in the notebook's history: delete that cell."
            ) from None
        option_rules.check_login(options)
        return self.commands.log_in(options)

    @no_var_expand
    @with_options()
    @argument("state", nargs="?", choices=("on", "off"), help="Turn measuring every cell on or off.")
    @argument(
        "--settle",
        type=seconds,
        metavar="SECONDS",
        help="Same as %%%%evolink_credits --settle, for every cell.",
    )
    @argument("--demo", action="store_true", help="Read a simulated account; no key needed.")
    @argument("--key-env", metavar="NAME", help="Take the key from this environment variable.")
    @line_magic
    @with_help
    def evolink_track(self, line: str) -> None:
        """From the next cell on, show what each cell that spends credits cost."""
        options = options_of(self.evolink_track, line)
        option_rules.check_track(options)
        self.commands.spending.track(options)

    @no_var_expand
    @with_options()
    @argument(
        "limit",
        nargs="?",
        type=credits_or_off,
        metavar="CREDITS|off",
        help="Set or change a budget; off cancels it, or all if no name is given.",
    )
    @argument("--name", type=unquoted, metavar="NAME", help="The budget's name (session).")
    @argument("--per", choices=PERIODS, help="A budget of each day, week or month, shared by all kernels.")
    @argument(
        "--timezone", metavar="NAME", help="Time zone of its days, such as Europe/Berlin (the machine's)."
    )
    @argument(
        "--warn-at", type=part, metavar="FRACTION", help="Warn at this fraction of it (0.8); 0 for never."
    )
    @argument(
        "--grace",
        type=seconds,
        metavar="SECONDS",
        help="How long calls under way may take to end before the work is interrupted (30).",
    )
    @argument(
        "--max-blind",
        type=seconds,
        metavar="SECONDS",
        help="Stop the work if the balance can't be read for this long (30).",
    )
    @argument("--demo", action="store_true", help="Read a simulated account; no key needed.")
    @argument("--key-env", metavar="NAME", help="Take the key from this environment variable.")
    @line_magic
    @with_help
    def evolink_budget(self, line: str) -> None:
        """Show the budgets in force, with what is spent and left; or set, change or cancel the session's.

        Spending from now on counts; changing a budget keeps what it has counted. With --per, everything that
        any kernel has spent with the key since the day, week or month began counts.
        """
        options = options_of(self.evolink_budget, line)
        option_rules.check_budget(options)
        self.commands.spending.control_budgets(options)

    @no_var_expand
    @with_options()
    @argument(
        "--csv",
        nargs="?",
        const="-",
        type=unquoted,
        metavar="FILE",
        help="Print them as CSV, or write them to FILE.",
    )
    @argument("--pandas", action="store_true", help="Return them as a pandas DataFrame.")
    @argument("--since", metavar="SPAN", help="Include earlier kernels, this far back: 24h, 7d, 2w.")
    @argument(
        "--by",
        choices=COST_WAYS,
        help="Add up the costs of all kernels by this (over 30d, if --since isn't given).",
    )
    @line_magic
    @with_help
    def evolink_costs(self, line: str) -> Any:
        """Show what cells, meters and loops of this kernel have cost, most expensive first."""
        options = options_of(self.evolink_costs, line)
        option_rules.check_costs(options)
        return self.commands.spending.show_costs(options)

    @no_var_expand
    @with_options()
    @argument("--since", default="7d", metavar="SPAN", help="How far back: 24h, 7d, 2w (7d).")
    @argument("--by", choices=WAYS, help="What to add up by (periods that suit the span).")
    @argument("--csv", action="store_true", help="Print it as CSV.")
    @argument("--json", action="store_true", help="Print it as JSON.")
    @argument("--pandas", action="store_true", help="Return it as a pandas DataFrame.")
    @line_magic
    @with_help
    def evolink_history(self, line: str) -> Any:
        """Show what all notebooks sharing this history have spent, including before this kernel started."""
        options = options_of(self.evolink_history, line)
        if [options.csv, options.json, options.pandas].count(True) > 1:
            raise UsageError("Choose only one of --csv, --json and --pandas.")
        return self.commands.show_past(options)

    @no_var_expand
    @with_options("%evolink_credits")
    @argument("--max", type=credits, metavar="N", help="Stop the cell once it has spent this many credits.")
    @argument(
        "--grace",
        type=seconds,
        metavar="SECONDS",
        help="How long calls under way may take to end before --max interrupts the cell (30).",
    )
    @argument(
        "--warn-at", type=part, metavar="FRACTION", help="Warn at this fraction of --max (0.8); 0 for never."
    )
    @argument(
        "--max-blind",
        type=seconds,
        metavar="SECONDS",
        help="With --max, stop the cell if the balance can't be read for this long (30).",
    )
    @argument(
        "--settle",
        type=seconds,
        metavar="SECONDS",
        help="Wait up to SECONDS for the cost; if less than the quiet time, it replaces that.",
    )
    @argument("-o", dest="output", type=name, metavar="NAME", help="Store the cost in this variable.")
    @argument("--name", type=label, metavar="NAME", help="The cell's name wherever its cost is shown.")
    @argument("-q", dest="quiet", action="store_true", help="Show no line under the cell.")
    @argument("--demo", action="store_true", help="Read a simulated account; no key needed.")
    @argument("--key-env", metavar="NAME", help="Take the key from this environment variable.")
    @cell_magic("evolink_credits")  # type: ignore[arg-type]
    @with_help
    def evolink_credits_of_cell(self, line: str, cell: str | None) -> None:
        """Run the cell as if this line were not there, and say below what it cost.

        The cost is read from the account, and amended in place as that settles. %evolink_costs lists all
        costs.
        """
        # The cell's error has already been shown; reporting anything else is up to an enclosing magic.
        __tracebackhide__ = True
        options = options_of(self.evolink_credits_of_cell, line)
        option_rules.check_cell(options)
        if cell is None:
            # `cell_magics` has replaced the line with this call: the code after it is the cell.
            self._begin_at_line(options)
            return
        # The line isn't the first line of what IPython runs as a cell.
        shell: Any = self.shell
        with self._running.called_by_magic():
            shell.run_cell(f"{CELL_MAGIC} {line}\n{cell}").raise_error()

    def _begin_at_line(self, options: argparse.Namespace) -> None:
        """Measure the cell that the line belongs to, or refuse it."""
        with refuse_on_failure("--max", instead=report_unmeasured if options.max is None else None):
            self.commands.spending.cells.begin_at_line(options)

    def bundle(self, credits: Credits, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002 - IPython's own
        """Return the card of a reading; called when a `Credits` is displayed."""
        return self.commands.bundle(credits)

    def show_widget(self, widget: CreditsWidget) -> None:
        """Show a live card; called when a `CreditsWidget` is displayed."""
        self.commands.cards.show_widget(widget)


def options_of(magic: Any, line: str) -> argparse.Namespace:
    """Parse the options on a magic's line.

    Args:
        magic: The magic, decorated with its arguments.
        line: The text after the magic's name.

    Returns:
        The options by name.

    Raises:
        UsageError: The line can't be parsed.
    """
    try:
        options: argparse.Namespace = parse_argstring(magic, line)
    except UsageError as error:
        # The message quotes what it can't use, which may be a key.
        raise UsageError(re.sub(r"\bsk-\S+", "[key]", str(error))) from None
    except ValueError as error:
        # An unclosed quotation mark.
        raise UsageError(f"{error}.") from None
    option_rules.check_account(options)
    return options
