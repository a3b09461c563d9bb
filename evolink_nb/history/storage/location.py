"""Where the history is kept: where ``EVOLINK_NB_HISTORY`` says, or in the user's data folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import platformdirs

from ...api.credentials import read_variable
from ...errors import ConfigurationError

HISTORY_VARIABLE = "EVOLINK_NB_HISTORY"
"""Where the history is kept: a file, ``postgresql://user@host/database``, or ``off``."""
ACCOUNT_VARIABLE = "EVOLINK_NB_ACCOUNT"
"""The account's name in the history, which the API doesn't provide."""
KEY_LABEL_VARIABLE = "EVOLINK_NB_KEY_LABEL"
"""The key's name in the history."""
OFF = "off"
FILE_NAME = "history.db"

_POSTGRESQL = {"postgres", "postgresql", "postgresql+psycopg"}


class Kind(Enum):
    """The kind of storage that holds a history."""

    OFF = "off"
    MEMORY = "memory"
    FILE = "file"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Location:
    """Where a history is kept.

    Attributes:
        kind: The kind of storage.
        path: The file; None if it isn't a file.
        url: The server's URL, which may contain a password: never show it; show `shown`.
        is_default: Whether it is the default, not chosen by the user.
    """

    kind: Kind
    path: Path | None = None
    url: str = field(default="", repr=False)
    is_default: bool = False

    @property
    def shown(self) -> str:
        """The location as users may see it, without a password."""
        if self.kind is Kind.FILE:
            return str(self.path)
        if self.kind is Kind.SERVER:
            parts = urlsplit(self.url)
            host = parts.netloc.rpartition("@")[2]
            return urlunsplit(("postgresql", host, parts.path, "", ""))
        return "this process's memory" if self.kind is Kind.MEMORY else "nowhere"

    @property
    def keeps_simulated(self) -> bool:
        """Whether readings of the demo account are kept too: only if the user chose the location."""
        return not self.is_default and self.kind is not Kind.OFF


def find_location(setting: str | None = None) -> Location:
    """Return where to keep the history.

    Args:
        setting: ``off``, a path, or a URL such as ``postgresql://host/database``; by default the environment
            variable's value, else a file in the user's data folder.

    Raises:
        ConfigurationError: The setting names a location that can't hold a history.
    """
    chosen = read_variable(HISTORY_VARIABLE) if setting is None else setting.strip()
    if not chosen:
        return Location(Kind.FILE, default_path(), is_default=True)
    if chosen.lower() in {OFF, "0", "no", "false", "none"}:
        return Location(Kind.OFF)
    scheme, separator, rest = chosen.partition("://")
    if not separator:
        return Location(Kind.FILE, Path(chosen).expanduser().absolute())
    if scheme.partition("+")[0] == "sqlite":
        if rest in {"", "/:memory:"}:
            return Location(Kind.MEMORY)
        return Location(Kind.FILE, Path(rest.removeprefix("/")).expanduser().absolute())
    if scheme in _POSTGRESQL:
        return Location(Kind.SERVER, url=f"postgresql+psycopg://{rest}")
    # Not quoted back: it may contain a password.
    raise ConfigurationError(
        "The history can't be kept there.",
        hint=f"Set {HISTORY_VARIABLE} to off, to a file, or to postgresql://user@host/database.",
    )


def default_path() -> Path:
    """Return the path of the history in the user's data folder."""
    return platformdirs.user_data_path("evolink_nb", appauthor=False) / FILE_NAME
