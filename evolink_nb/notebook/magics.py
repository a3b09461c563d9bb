"""``%evolink_credits`` and its siblings, and the cell events."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from IPython.core.error import StdinNotImplementedError, UsageError
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from .arguments import limit, positive
from .cell_magics import CELL_MAGIC, EvoLinkCellMagics, options_of

if TYPE_CHECKING:
    import argparse

    from IPython.core.formatters import IPythonDisplayFormatter, MimeBundleFormatter
    from IPython.core.interactiveshell import InteractiveShell

    from ..api.credentials import Secret
    from ..api.settings import Connection
    from ..card.widget import CreditsWidget
    from ..credits import Credits
    from ..polling.fetcher import CreditsFetcher
    from .displays import LiveOutput

# Everything else of ours, and what it brings (requests, the widget), is imported where it is first used:
# %load_ext must cost next to nothing.

LINE_MAGICS = ("evolink_costs", "evolink_credits", "evolink_login", "evolink_track")
COMPLETED = (*(f"%{name}" for name in LINE_MAGICS), CELL_MAGIC)
ENDS = {
    "metering.budget": "stop_all",
    "metering.measurement": "stop_all",
    "polling.fetcher": "stop_all",
    "demo": "stop_running",
}
"""Rooms that have threads, and what ends these, in this order."""
CREDITS_TYPE = ("evolink_nb.credits", "Credits")
WIDGET_TYPE = ("evolink_nb.card.widget", "CreditsWidget")
HTML_EVERY = 1.0
"""Seconds between two rewrites of a card of plain HTML at least."""


@magics_class
class EvoLinkMagics(Magics):
    """The balance of an EvoLink account, and the key it is read with."""

    def __init__(self, shell: InteractiveShell) -> None:
        """Serve ``shell``."""
        super().__init__(shell)
        self._displays: list[LiveOutput] = []
        self._html: dict[CreditsFetcher, LiveOutput] = {}
        self._last: tuple[Credits, Callable[[], dict[str, str]]] | None = None

    @no_var_expand
    @magic_arguments()
    @argument("--live", action="store_true", help="Show a card that keeps itself fresh.")
    @argument("--html", action="store_true", help="The same as plain HTML, for places without widgets.")
    @argument("--every", type=positive, metavar="SECONDS", help="Seconds between readings (15).")
    @argument("--warn-below", type=limit, metavar="LIMIT", help="Alarm below: 50 (credits) or 2h (left).")
    @argument("--critical-below", type=limit, metavar="LIMIT", help="Alarm again below this.")
    @argument("--credits-per-dollar", type=positive, metavar="N", help="Show about what is left in USD.")
    @argument("--json", action="store_true", help="Print the reading with the API's own field names.")
    @argument("--demo", action="store_true", help="Read a simulated account; no key needed.")
    @argument("--key-env", metavar="NAME", help="Take the key from this environment variable.")
    @line_magic
    def evolink_credits(self, line: str) -> Credits | None:
        """Show what the account and the key have left.

        The value is the reading, so ``c = %evolink_credits`` gives a ``Credits`` with ``c.spendable``,
        ``c.user.remaining``, ``c.token.remaining`` and more.
        """
        options = options_of(self.evolink_credits, line)
        _check(options)
        fetcher = _fetcher(options)
        if (options.live or options.html) and hasattr(self.shell, "kernel"):
            self._go_live(fetcher, options)
            return None
        if options.live or options.html:
            print("A live card needs a notebook. This is the reading now:", file=sys.stderr)
        credits = self._read(fetcher)
        if options.json:
            print(credits.to_json())
            return None
        self._last = credits, lambda: _bundle_of(fetcher, options)
        return credits

    @no_var_expand
    @magic_arguments()
    @argument("--save", action="store_true", help="Keep the key in the system keyring too.")
    @argument("--forget", action="store_true", help="Forget the key entered in this kernel.")
    @line_magic
    def evolink_login(self, line: str) -> Credits | None:
        """Ask for an API key without showing it, try it, and use it in this kernel from now on."""
        options = options_of(self.evolink_login, line)
        from ..api import credentials, settings  # noqa: PLC0415

        if options.forget:
            credentials.login.forget()
            return None
        key = _ask_for_key()
        found = settings.connection(key, demo=False)
        credits = self._read(_fetcher_of(found))
        credentials.login.enter(key)
        if options.save:
            credentials.save_key(key, found.base_url)
        return credits

    def show_widget(self, widget: CreditsWidget) -> None:
        """Show a live card whose saved counterpart follows it; what displaying a `CreditsWidget` calls."""
        from .displays import LiveOutput, static_fallback  # noqa: PLC0415

        display(widget.view(), raw=True)
        self._displays.append(LiveOutput(widget.fetcher, lambda: static_fallback(widget.render())))

    def bundle(self, credits: Credits, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002 - IPython's own
        """Give the card of a reading; with the options it was read with, if it is the last one read."""
        from ..card import render as card  # noqa: PLC0415

        if self._last is not None and self._last[0] is credits:
            return self._last[1]()
        return card.CardView(credits).mimebundle()

    def at_cell_end(self, _result: object = None) -> None:
        """Let what a saved notebook would hold catch up; after each cell."""
        for shown in self._displays:
            shown.at_cell_end()

    def stop(self) -> None:
        """Leave every output as it is."""
        for shown in [*self._displays, *self._html.values()]:
            shown.stop()
        self._displays.clear()
        self._html.clear()

    def _go_live(self, fetcher: CreditsFetcher, options: argparse.Namespace) -> None:
        from ..api.settings import INTERVAL  # noqa: PLC0415

        interval = options.every or INTERVAL
        if options.live:
            from ..card.widget import CreditsWidget  # noqa: PLC0415

            display(
                CreditsWidget(
                    fetcher,
                    interval=interval,
                    warn_below=options.warn_below,
                    critical_below=options.critical_below,
                    credits_per_dollar=options.credits_per_dollar,
                )
            )
            return
        from .displays import LiveOutput  # noqa: PLC0415

        # Plain HTML can't say that it is gone: a later one of the same key takes an earlier one's place.
        if fetcher in self._html:
            self._html.pop(fetcher).stop()
        fetcher.attach(self, interval)
        fetcher.wait(interval)
        self._html[fetcher] = LiveOutput(fetcher, lambda: _bundle_of(fetcher, options), every=HTML_EVERY)

    def _read(self, fetcher: CreditsFetcher) -> Credits:
        """Read now; when that fails show the last reading with its age, and raise."""
        from ..errors import EvoLinkError  # noqa: PLC0415

        try:
            return fetcher.read()
        except EvoLinkError:
            if fetcher.credits is not None:
                from ..card import render as card  # noqa: PLC0415

                now, notice = datetime.now(UTC), fetcher.notice
                stale = card.CardView(fetcher.credits, status="stale", now=now, notice=notice)
                display(stale.mimebundle(), raw=True)
            raise


def load(shell: InteractiveShell) -> None:
    """Register the magics, their completion, how results are shown and the cell events with ``shell``."""
    magics, cell_magics = EvoLinkMagics(shell), EvoLinkCellMagics(shell, _fetcher)
    shell.register_magics(magics, cell_magics)
    for name in COMPLETED:
        shell.set_hook("complete_command", _complete_options, str_key=name)
    _bundles(shell).for_type_by_name(*CREDITS_TYPE, magics.bundle)
    _displayers(shell).for_type_by_name(*WIDGET_TYPE, magics.show_widget)
    shell.input_transformers_cleanup.append(cell_magics.run_as_if_not_there)
    shell.events.register("pre_run_cell", cell_magics.at_cell_start)
    for each in (cell_magics, magics):
        shell.events.register("post_run_cell", each.at_cell_end)


def unload(shell: InteractiveShell) -> None:
    """Take away what `load` registered, and end every thread of this package."""
    manager = shell.magics_manager
    magics = manager.registry.pop(EvoLinkMagics.__name__, None)
    cell_magics = manager.registry.pop(EvoLinkCellMagics.__name__, None)
    for name in LINE_MAGICS:
        manager.magics["line"].pop(name, None)
    manager.magics["cell"].pop(CELL_MAGIC.lstrip("%"), None)
    for name in COMPLETED:
        shell.strdispatchers["complete_command"].strs.pop(name, None)
    _bundles(shell).pop(".".join(CREDITS_TYPE), None)
    _displayers(shell).pop(".".join(WIDGET_TYPE), None)
    if magics is not None and cell_magics is not None:
        shell.input_transformers_cleanup.remove(cell_magics.run_as_if_not_there)
        shell.events.unregister("pre_run_cell", cell_magics.at_cell_start)
        for each in (cell_magics, magics):
            shell.events.unregister("post_run_cell", each.at_cell_end)
            each.stop()
    # Only what was used was ever imported, and only that has threads to end.
    for room, end in ENDS.items():
        _call_if_loaded(f"evolink_nb.{room}", end)


def _complete_options(shell: InteractiveShell, event: Any) -> list[str]:
    """Give the options of the magic on ``event.line``."""
    is_cell_magic = event.line.startswith("%%")
    find: Any = shell.find_cell_magic if is_cell_magic else shell.find_line_magic
    parser = find(event.command.lstrip("%")).parser
    return [option for action in parser._actions for option in action.option_strings if len(option) > 2]


def _bundles(shell: Any) -> MimeBundleFormatter:
    formatter: MimeBundleFormatter = shell.display_formatter.mimebundle_formatter
    return formatter


def _displayers(shell: Any) -> IPythonDisplayFormatter:
    formatter: IPythonDisplayFormatter = shell.display_formatter.ipython_display_formatter
    return formatter


def _call_if_loaded(module: str, function: str) -> None:
    if module in sys.modules:
        getattr(sys.modules[module], function)()


def _check(options: argparse.Namespace) -> None:
    if options.live and options.html:
        raise UsageError("--live and --html are two ways to the same: choose one.")
    if options.every is not None and not (options.live or options.html):
        raise UsageError("--every goes with --live: %evolink_credits --live --every 10")
    if options.json and (options.live or options.html):
        raise UsageError("--json goes with neither --live nor --html.")


def _fetcher(options: argparse.Namespace) -> CreditsFetcher:
    from ..api import settings  # noqa: PLC0415

    return _fetcher_of(settings.connection(demo=options.demo or None, key_variable=options.key_env))


def _fetcher_of(found: Connection) -> CreditsFetcher:
    from ..api.client import EvoLinkClient  # noqa: PLC0415
    from ..polling.fetcher import CreditsFetcher  # noqa: PLC0415

    return CreditsFetcher.shared(EvoLinkClient(found.key, base_url=found.base_url))


def _ask_for_key() -> Secret:
    import getpass  # noqa: PLC0415

    from ..api.credentials import API_KEY_VARIABLE, Secret  # noqa: PLC0415
    from ..errors import ConfigurationError  # noqa: PLC0415

    try:
        # The key is in no variable of this frame: tracebacks can print those.
        return Secret(getpass.getpass("EvoLink API key: "))
    except (StdinNotImplementedError, EOFError):
        pass
    raise ConfigurationError(
        "There is nobody here to ask for a key.", hint=f"Set {API_KEY_VARIABLE} instead."
    )


def _bundle_of(fetcher: CreditsFetcher, options: argparse.Namespace) -> dict[str, str]:
    """Give a card that does not move of what ``fetcher`` holds, with the options a person gave."""
    from ..card import render as card  # noqa: PLC0415
    from ..card.alarms import Limits  # noqa: PLC0415

    limits = Limits.parse(options.warn_below, options.critical_below)
    credits, error = fetcher.credits, fetcher.error
    return card.CardView(
        credits,
        status="paused" if error is None else fetcher.status,
        message="" if error is None else str(error),
        level=None if credits is None else limits.level_of(credits, fetcher.runway),
        trend=card.Trend(fetcher.burn_rate, fetcher.runway, fetcher.spent),
        worth=card.usd_estimate(credits, options.credits_per_dollar),
        notice=fetcher.notice,
        outlook=fetcher.outlook,
    ).mimebundle()
