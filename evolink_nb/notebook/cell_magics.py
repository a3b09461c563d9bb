"""``%%evolink_credits``, ``%evolink_track`` and ``%evolink_costs``: what cells cost."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from .arguments import credits, file, name, seconds

if TYPE_CHECKING:
    import argparse

    from IPython.core.interactiveshell import InteractiveShell

    from ..metering.report import Costs
    from ..polling.fetcher import CreditsFetcher
    from .cells import Cells

# What these bring is imported where it is first used, as in `magics`.

CELL_MAGIC = "%%evolink_credits"


@magics_class
class EvoLinkCellMagics(Magics):
    """What each cell costs."""

    def __init__(
        self, shell: InteractiveShell, fetcher_of: Callable[[argparse.Namespace], CreditsFetcher]
    ) -> None:
        """Serve ``shell``; ``fetcher_of`` gives the fetcher that options ask for."""
        super().__init__(shell)
        self._fetcher_of = fetcher_of
        self._cells: Cells | None = None
        self._begun: list[str] = []
        self._called = False

    @no_var_expand
    @magic_arguments("%evolink_credits")
    @argument("--max", type=credits, metavar="N", help="Stop the cell once it has spent this many credits.")
    @argument("--settle", type=seconds, metavar="SECONDS", help="Wait for the account to settle, this long.")
    @argument("-o", dest="output", type=name, metavar="NAME", help="Keep the cost in this variable.")
    @argument("-q", dest="quiet", action="store_true", help="Show no line under the cell.")
    @argument("--demo", action="store_true", help="Read a simulated account; no key needed.")
    @argument("--key-env", metavar="NAME", help="Take the key from this environment variable.")
    @cell_magic("evolink_credits")  # type: ignore[arg-type]
    def evolink_credits_of_cell(self, line: str, cell: str) -> None:
        """Run the cell as if this line were not there, and say below what it cost.

        The cost is read from the account, and amended in place as that settles; %evolink_costs has all.
        """
        # The line is dropped before a cell runs (`run_as_if_not_there`), and this is left for what isn't the
        # first line of a cell, or can't be read: then the error says why.
        options_of(self.evolink_credits_of_cell, line)
        # The cell's error has been shown already; where it goes on to is another magic's to say.
        __tracebackhide__ = True
        shell: Any = self.shell
        self._called = True
        try:
            shell.run_cell(f"{CELL_MAGIC} {line}\n{cell}").raise_error()
        finally:
            self._called = False

    @no_var_expand
    @magic_arguments()
    @argument("state", nargs="?", choices=("on", "off"), help="Measure every cell, or no longer.")
    @argument("--demo", action="store_true", help="Read a simulated account; no key needed.")
    @argument("--key-env", metavar="NAME", help="Take the key from this environment variable.")
    @line_magic
    def evolink_track(self, line: str) -> None:
        """Say under every cell that spends credits what it cost, from the next one on."""
        options = options_of(self.evolink_track, line)
        cells = self._cells_in_use()
        problem = None
        if options.state:
            fetcher = self._fetcher_of(options) if options.state == "on" else None
            cells.track(fetcher)
            problem = fetcher.error if fetcher is not None else None
        print(f"Cells are {'' if cells.tracking else 'not '}tracked.")
        if problem is not None:
            print(f"What they cost can't be read now: {problem}", file=sys.stderr)

    @no_var_expand
    @magic_arguments()
    @argument(
        "--csv",
        nargs="?",
        const="-",
        type=file,
        metavar="FILE",
        help="Give it as CSV: print it, or write FILE.",
    )
    @argument("--pandas", action="store_true", help="Give it as a pandas DataFrame.")
    @line_magic
    def evolink_costs(self, line: str) -> Costs | Any:
        """Show what cells, meters and loops of this kernel have cost, dearest first."""
        options = options_of(self.evolink_costs, line)
        if options.csv and options.pandas:
            raise UsageError("--csv and --pandas are two ways to the same: choose one.")
        from pathlib import Path  # noqa: PLC0415

        from ..metering import ledger  # noqa: PLC0415
        from ..metering.report import Costs  # noqa: PLC0415

        costs = Costs(ledger.current().entries())
        if options.csv == "-":
            print(costs.to_csv(), end="")
            return None
        if options.csv:
            try:
                Path(options.csv).expanduser().write_text(costs.to_csv(), encoding="utf-8")
            except (OSError, RuntimeError) as error:
                reason = getattr(error, "strerror", None) or error
                raise UsageError(f"{options.csv} can't be written: {reason}.") from None
            return None
        return costs.to_pandas() if options.pandas else costs

    def run_as_if_not_there(self, lines: list[str]) -> list[str]:
        """Drop the line ``%%evolink_credits …`` from a cell's lines; an input transformer."""
        if not self._is_asked or self._options_of(lines) is None:
            return lines
        rest = list(itertools.dropwhile(str.isspace, lines[1:]))
        # An empty line in its place: tracebacks and breakpoints name the lines that people see.
        return rest if rest and rest[0].startswith("%%") else ["\n", *lines[1:]]

    # IPython asks transformers too whether a cell that is being typed is complete, but not those: with this
    # line it is a cell magic, and complete with an empty line.
    run_as_if_not_there.has_side_effects = True  # type: ignore[attr-defined]

    def at_cell_start(self, info: Any) -> None:
        """Measure the cell that begins, where it asks for it."""
        options = self._options_of(self._as_transformed(info.raw_cell)) if self._is_asked else None
        self._called = False
        self._begun.append(info.raw_cell)
        # Without a cell to measure, or a budget to keep, nothing of ours is even imported.
        if options is not None or self._cells is not None or "evolink_nb.metering.budget" in sys.modules:
            self._cells_in_use().begin(info, options)

    def at_cell_end(self, result: Any) -> None:
        """Settle what the cell that has ended cost."""
        if result is None:
            # An awaiting cell broke off outside of its own code, as ipykernel says it.
            self._begun.clear()
            if self._cells is not None:
                self._cells.break_off()
            self._rest_unheard_budgets()
            return
        # Events of other cells come too: of the one that loaded the extension, or of an empty one.
        if result.info.raw_cell in self._begun:
            while self._begun.pop() != result.info.raw_cell:
                pass
        if self._cells is not None:
            self._cells.end(result)
        elif not self._begun:
            self._rest_unheard_budgets()

    def _rest_unheard_budgets(self) -> None:
        """End the watch of budgets that came with the cell itself, of which nobody heard at its beginning."""
        if self._cells is None and "evolink_nb.metering.budget" in sys.modules:
            from ..metering.budget_registry import budgets  # noqa: PLC0415

            budgets.end_work()
            budgets.disarm_thread()

    @property
    def _is_asked(self) -> bool:
        """Whether a line found now is that of a cell: inside one that runs only the magic itself runs any.

        There other magics transform what they run as they like: the line must stay to be seen.
        """
        return not self._begun or self._called

    def stop(self) -> None:
        """Measure no more cells, and leave every line as it is."""
        if self._cells is not None:
            self._cells.stop()

    def _cells_in_use(self) -> Cells:
        if self._cells is None:
            from .cells import Cells  # noqa: PLC0415

            self._cells = Cells(self.shell, self._fetcher_of)
        return self._cells

    def _as_transformed(self, cell: str) -> list[str]:
        """Give a cell's lines as `run_as_if_not_there` finds them: past blank ones, indent and prompts."""
        lines = cell.splitlines(keepends=True)
        if CELL_MAGIC in cell:
            shell: Any = self.shell
            before_ours = itertools.takewhile(
                lambda transform: transform != self.run_as_if_not_there, shell.input_transformers_cleanup
            )
            for transform in before_ours:
                if not getattr(transform, "has_side_effects", False):
                    lines = transform(lines)
        return lines

    def _options_of(self, lines: list[str]) -> argparse.Namespace | None:
        """Give the options of a cell that begins with ``%%evolink_credits``, None if they can't be read."""
        command, _, options = "".join(lines[:1]).rstrip("\n").partition(" ")
        if command.strip() != CELL_MAGIC:
            return None
        try:
            return options_of(self.evolink_credits_of_cell, options)
        except UsageError:
            return None


def options_of(magic: Any, line: str) -> argparse.Namespace:
    """Give the options that a magic's ``line`` holds; raises ``UsageError`` where it can't be read."""
    try:
        options: argparse.Namespace = parse_argstring(magic, line)
    except ValueError as error:
        # A quotation that is not closed.
        raise UsageError(f"{error}.") from None
    if getattr(options, "demo", False) and options.key_env:
        raise UsageError("--demo needs no key: leave out --key-env.")
    return options
