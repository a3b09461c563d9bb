"""``%evolink_credits`` and its siblings. The only room that knows IPython."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from IPython.core.error import StdinNotImplementedError, UsageError
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import display

from . import settings
from .errors import ConfigurationError, EvoLinkError
from .settings import Secret

if TYPE_CHECKING:
    import argparse

    from IPython.core.formatters import MimeBundleFormatter
    from IPython.core.interactiveshell import InteractiveShell

    from .credits import Credits
    from .fetcher import CreditsFetcher

# What a reading needs (requests, the widget, the card) is imported where it is first used:
# %load_ext must cost next to nothing.

NAMES = ("evolink_credits", "evolink_login")
CREDITS_TYPE = "evolink_nb.credits.Credits"


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


_positive.__name__ = "positive number"  # what argparse says when the text is none


@magics_class
class EvoLinkMagics(Magics):
    """The balance of an EvoLink account, and the key it is read with."""

    @no_var_expand
    @magic_arguments()
    @argument("--live", action="store_true", help="Show a card that keeps itself fresh.")
    @argument(
        "--every", type=_positive, metavar="SECONDS", help="With --live: seconds between readings (15)."
    )
    @argument("--warn-below", type=_positive, metavar="CREDITS", help="Mark the card as low below this.")
    @argument("--json", action="store_true", help="Print the reading with the API's own field names.")
    @argument("--demo", action="store_true", help="Read a simulated account; no key needed.")
    @argument("--key-env", metavar="NAME", help="Take the key from this environment variable.")
    @line_magic
    def evolink_credits(self, line: str) -> Credits | None:
        """Show what the account and the key have left.

        The value is the reading, so ``c = %evolink_credits`` gives a ``Credits`` with ``c.spendable``,
        ``c.user.remaining``, ``c.token.remaining`` and more.
        """
        options = parse_argstring(self.evolink_credits, line)
        _check(options)
        fetcher = _fetcher(options)
        if options.live and hasattr(self.shell, "kernel"):
            from .widget import CreditsWidget  # noqa: PLC0415

            interval = options.every or settings.INTERVAL
            display(CreditsWidget(fetcher, interval=interval, warn_below=options.warn_below))
            return None
        if options.live:
            print("A live card needs a notebook. This is the reading now:", file=sys.stderr)
        credits = self._read(fetcher)
        if options.json:
            print(credits.to_json())
            return None
        if options.warn_below is not None:
            _show(credits, warn_below=options.warn_below)
            return None
        return credits

    @no_var_expand
    @magic_arguments()
    @argument("--save", action="store_true", help="Keep the key in the system keyring too.")
    @argument("--forget", action="store_true", help="Forget the key entered in this kernel.")
    @line_magic
    def evolink_login(self, line: str) -> Credits | None:
        """Ask for an API key without showing it, try it, and use it in this kernel from now on."""
        options = parse_argstring(self.evolink_login, line)
        if options.forget:
            settings.enter_key(None)
            return None
        key = _ask_for_key()
        found = settings.connection(key, demo=False)
        credits = self._read(_fetcher_of(found))
        settings.enter_key(key)
        if options.save:
            settings.save_key(key, found.base_url)
        return credits

    def complete_options(self, _shell: object, event: Any) -> list[str]:
        """Give the options of the magic on ``event.line``."""
        name = event.command.lstrip("%")
        parser = getattr(self, name).parser
        return [option for action in parser._actions for option in action.option_strings if len(option) > 2]

    def _read(self, fetcher: CreditsFetcher) -> Credits:
        """Read now; when that fails show the last reading with its age, and raise."""
        try:
            return fetcher.read()
        except EvoLinkError:
            if fetcher.credits is not None:
                _show(fetcher.credits, status="stale", now=datetime.now(UTC))
            raise


def load(shell: InteractiveShell) -> None:
    """Register the magics, their completion and the card of a `Credits` with ``shell``."""
    magics = EvoLinkMagics(shell)
    shell.register_magics(magics)
    for name in NAMES:
        shell.set_hook("complete_command", magics.complete_options, str_key=f"%{name}")
    module, _, name = CREDITS_TYPE.rpartition(".")
    _bundles(shell).for_type_by_name(module, name, _bundle)


def unload(shell: InteractiveShell) -> None:
    """Take away what `load` registered, and end every thread of this package."""
    manager = shell.magics_manager
    manager.registry.pop(EvoLinkMagics.__name__, None)
    for name in NAMES:
        manager.magics["line"].pop(name, None)
        shell.strdispatchers["complete_command"].strs.pop(f"%{name}", None)
    _bundles(shell).pop(CREDITS_TYPE, None)
    # Only what was used was ever imported, and only that has threads to end.
    _call_if_loaded("evolink_nb.fetcher", "stop_all")
    _call_if_loaded("evolink_nb.demo", "stop_running")


def _bundles(shell: Any) -> MimeBundleFormatter:
    formatter: MimeBundleFormatter = shell.display_formatter.mimebundle_formatter
    return formatter


def _call_if_loaded(module: str, function: str) -> None:
    if module in sys.modules:
        getattr(sys.modules[module], function)()


def _check(options: argparse.Namespace) -> None:
    if options.every is not None and not options.live:
        raise UsageError("--every goes with --live: %evolink_credits --live --every 10")
    if options.json and options.live:
        raise UsageError("--json and --live don't go together.")
    if options.demo and options.key_env:
        raise UsageError("--demo needs no key: leave out --key-env.")


def _fetcher(options: argparse.Namespace) -> CreditsFetcher:
    return _fetcher_of(settings.connection(demo=options.demo or None, key_variable=options.key_env))


def _fetcher_of(found: settings.Connection) -> CreditsFetcher:
    from .client import EvoLinkClient  # noqa: PLC0415
    from .fetcher import CreditsFetcher  # noqa: PLC0415

    return CreditsFetcher.shared(EvoLinkClient(found.key, base_url=found.base_url))


def _ask_for_key() -> Secret:
    try:
        # The key is in no variable of this frame: tracebacks can print those.
        return Secret(getpass.getpass("EvoLink API key: "))
    except (StdinNotImplementedError, EOFError):
        pass
    raise ConfigurationError(
        "There is nobody here to ask for a key.", hint=f"Set {settings.API_KEY_VARIABLE} instead."
    )


def _show(credits: Credits, **state: Any) -> None:
    from . import card  # noqa: PLC0415

    display(card.mimebundle(credits, **state), raw=True)


def _bundle(credits: Credits, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG001 - IPython's own
    from . import card  # noqa: PLC0415

    return card.mimebundle(credits)
