"""Loads and unloads the IPython extension."""

from __future__ import annotations

import sys
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from .cell_magics import CellEvents
from .code_start import CodeStart
from .magics import CELL_MAGIC, LINE_MAGICS, EvoLinkMagics
from .running import RunningCells

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

COMPLETED = (*(f"%{name}" for name in LINE_MAGICS), CELL_MAGIC)
CREDITS_TYPE = ("evolink_nb.credits", "Credits")
WIDGET_TYPE = ("evolink_nb.card.unseen", "SilentUnseen")
"""A base class of the live card: anywidget creates a new class for each card, with the same name."""
STOPS = {
    "notebook.kept.recording": attrgetter("recordings.end"),
    "metering.budgets.registry": attrgetter("budgets.cancel_all"),
    "metering.budgets.gate": attrgetter("gate.let_go"),
    "metering.active": attrgetter("active_measurements.cancel_all"),
    "polling.fetcher": attrgetter("stop_all"),
    "demo": attrgetter("stop_running"),
}
"""The modules that own what outlives a cell, and the function of each that ends it, in calling order."""


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics, their completion, the display of results, and the cell events.

    Called by ``%load_ext evolink_nb``.

    Args:
        shell: The shell to register them with.
    """
    running = RunningCells()
    magics = EvoLinkMagics(shell, running)
    start = CodeStart(shell, magics, running)
    magics.unannounced = start.unannounced
    events = CellEvents(shell, magics, running, start)
    _register_magics(shell, magics)
    _register_formatters(shell, magics)
    _register_events(shell, magics, events, start)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Undo what loading registered, and end every thread of this package.

    Called by ``%unload_ext evolink_nb``.

    Args:
        shell: The shell the extension was loaded into.
    """
    magics = shell.magics_manager.registry.get(EvoLinkMagics.__name__)
    if isinstance(magics, EvoLinkMagics):
        magics.registrations.close()
        if magics.is_used:
            magics.commands.stop()
    # Only modules that were used are imported, and only those have threads to end.
    for name, stop_of in STOPS.items():
        module = sys.modules.get(f"evolink_nb.{name}")
        if module is not None:
            stop_of(module)()


def _register_magics(shell: Any, magics: EvoLinkMagics) -> None:
    manager, completers = shell.magics_manager, shell.strdispatchers["complete_command"].strs
    take_back = magics.registrations.callback
    shell.register_magics(magics)
    take_back(manager.registry.pop, type(magics).__name__, None)
    # IPython lists every magics object there for configuration.
    take_back(shell.configurables.remove, magics)
    for kind, names in magics.magics.items():
        for name in names:
            take_back(manager.magics[kind].pop, name, None)
    for name in COMPLETED:
        shell.set_hook("complete_command", _complete_options, str_key=name)
        take_back(completers.pop, name, None)


def _register_formatters(shell: Any, magics: EvoLinkMagics) -> None:
    formatter = shell.display_formatter
    for each, type_name, show in (
        (formatter.mimebundle_formatter, CREDITS_TYPE, magics.bundle),
        (formatter.ipython_display_formatter, WIDGET_TYPE, magics.show_widget),
    ):
        each.for_type_by_name(*type_name, show)
        magics.registrations.callback(each.pop, ".".join(type_name), None)


def _register_events(shell: Any, magics: EvoLinkMagics, events: CellEvents, start: CodeStart) -> None:
    take_back = magics.registrations.callback
    shell.ast_transformers.append(start)
    take_back(_remove, shell.ast_transformers, start)
    shell.input_transformers_cleanup.append(events.line_as_call)
    take_back(shell.input_transformers_cleanup.remove, events.line_as_call)
    handlers = {
        "pre_run_cell": events.at_cell_start,
        "post_execute": start.at_execution_end,
        "post_run_cell": events.at_cell_end,
    }
    messages = {"pre_execute": events.at_message_start, "post_execute": events.at_message_end}
    for name, handler in (*handlers.items(), *messages.items()):
        shell.events.register(name, handler)
        take_back(shell.events.unregister, name, handler)


def _remove(items: list[Any], item: object) -> None:
    if item in items:
        items.remove(item)


def _complete_options(shell: InteractiveShell, event: Any) -> list[str]:
    """Return the options of the magic on ``event.line``."""
    is_cell_magic = event.line.startswith("%%")
    find: Any = shell.find_cell_magic if is_cell_magic else shell.find_line_magic
    parser = find(event.command.lstrip("%")).parser
    return [option for action in parser._actions for option in action.option_strings if len(option) > 2]
