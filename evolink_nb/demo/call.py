"""One call to the simulated API, as an operation sees it, and the reading of its JSON body."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

from .answers import invalid

if TYPE_CHECKING:
    from .account import Account
    from .ledger import Amount
    from .server import DemoServer


@dataclass(frozen=True)
class Call:
    """What an operation needs to answer: who calls, with which body, and what stood in the path's ``{}``."""

    server: DemoServer
    key: str
    body: bytes
    place: str

    @property
    def account(self) -> Account:
        """The account the call is on."""
        return self.server.account


class Fields:
    """The fields of a JSON body; each reader refuses what it cannot use with the documented 400."""

    def __init__(self, body: bytes) -> None:
        try:
            content = json.loads(body.decode(), parse_constant=_no_constant, parse_float=Decimal)
        except (ValueError, ArithmeticError, RecursionError):
            raise invalid(None, "the body is not JSON") from None
        if not isinstance(content, dict):
            raise invalid(None, "the body is not a JSON object")
        self.content: dict[str, Any] = content

    def text(self, name: str, *, most: int = 32_768) -> str:
        """Give a required text of 1 to ``most`` characters."""
        value = self.content.get(name)
        if not isinstance(value, str) or not 1 <= len(value) <= most:
            raise invalid(name, f"{name} must be a text of 1 to {most} characters")
        return value

    def integer(self, name: str, *, least: int, most: int, default: int) -> int:
        """Give an optional integer between two bounds."""
        value = self.content.get(name, default)
        number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        # To JSON, 2.0 is an integer too. The bounds come first: 1e999999999 as an integer fills the memory.
        if not number or not least <= value <= most or value != int(value):
            raise invalid(name, f"{name} must be an integer from {least} to {most}")
        return int(value)

    def credits(self, name: str) -> Amount:
        """Give a required number of credits."""
        value = self.content.get(name)
        if not isinstance(value, int | Decimal) or isinstance(value, bool):
            raise invalid(name, f"{name} must be a number of credits")
        return value

    def key(self, account: Account, default: str | None) -> str | None:
        """Give the name of one of the account's keys, from the optional field ``key``."""
        value = self.content.get("key", default)
        if value is not None and value not in account.keys:
            raise invalid("key", f"key must be one of {', '.join(account.keys)}")
        return str(value) if value is not None else None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
