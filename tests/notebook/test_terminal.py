"""The magics in a terminal IPython, typed at a real one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer

# The 200 of EvoLink's own API page.
SPEC_EXAMPLE = """{
  "data": {
    "token": {"remaining_credits": 99416.4429, "unlimited_credits": false, "used_credits": 583.5571},
    "user": {"remaining_credits": 1095.3996, "used_credits": 135.9048}
  },
  "message": "",
  "success": true
}"""

# A keyring that is a folder: what was kept can be looked at.
FOLDER_KEYRING = """
import os, pathlib
from keyring.backend import KeyringBackend

class FolderKeyring(KeyringBackend):
    priority = 1

    def _place(self, service, name):
        return pathlib.Path(os.environ["FOLDER_KEYRING"]) / f"{service} {name.replace('/', '_')}"

    def get_password(self, service, name):
        place = self._place(service, name)
        return place.read_text() if place.exists() else None

    def set_password(self, service, name, password):
        self._place(service, name).write_text(password)
"""


# One call that costs 1 credit, and settles later.
GENERATE_LINE = (
    "import os, requests; generate = lambda: requests.post("
    "os.environ['EVOLINK_BASE_URL'] + '/v1/images/generations', "
    "headers={'Authorization': 'Bearer ' + os.environ['EVOLINK_API_KEY']}, "
    "json={'model': 'z-image-turbo', 'prompt': 'a lighthouse'}).raise_for_status()"
)


@pytest.fixture
def spec_server(demo_server: DemoServer) -> DemoServer:
    """A server that answers with the API page's own example."""
    demo_server.fault(text=SPEC_EXAMPLE)
    return demo_server


@pytest.fixture
def terminal(spec_server: DemoServer) -> Iterator[Terminal]:
    terminal = Terminal({"EVOLINK_API_KEY": spec_server.key, "EVOLINK_BASE_URL": spec_server.url})
    terminal.type("%load_ext evolink_nb")
    yield terminal
    terminal.close()


@pytest.fixture
def keyring(tmp_path: Path) -> Path:
    """The folder in which the keyring of `keyless` keeps what it is given."""
    (tmp_path / "folder_keyring.py").write_text(FOLDER_KEYRING)
    kept = tmp_path / "kept"
    kept.mkdir()
    return kept


@pytest.fixture
def keyless(spec_server: DemoServer, keyring: Path) -> Iterator[Terminal]:
    """A terminal with no key anywhere, and an empty keyring."""
    terminal = Terminal(
        {
            "EVOLINK_BASE_URL": spec_server.url,
            "FOLDER_KEYRING": str(keyring),
            "PYTHONPATH": str(keyring.parent),
            "PYTHON_KEYRING_BACKEND": "folder_keyring.FolderKeyring",
        }
    )
    terminal.type("%load_ext evolink_nb")
    yield terminal
    terminal.close()


def test_it_shows_the_documented_example(terminal: Terminal) -> None:
    shown = terminal.type("%evolink_credits")
    account = next(line for line in shown.splitlines() if "Account" in line)
    api_key = next(line for line in shown.splitlines() if "API key" in line)
    assert re.search(r"Account +1,095\.3996 credits left +135\.9048 used +<- spendable", account)
    assert re.search(r"API key +99,416\.4429 credits left +583\.5571 used$", api_key)
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("colours", "no_color", "styled"), [("Linux", "", True), ("Linux", "1", False), ("NoColor", "", False)]
)
def test_colour_follows_the_users_settings(
    spec_server: DemoServer, colours: str, no_color: str, styled: bool
) -> None:
    account = {"EVOLINK_API_KEY": spec_server.key, "EVOLINK_BASE_URL": spec_server.url}
    terminal = Terminal({**account, "TERM": "xterm", "NO_COLOR": no_color}, colours=colours)
    terminal.type("%load_ext evolink_nb")
    shown = terminal.type("%evolink_credits")
    assert ("\x1b[1m 1,095.3996 credits left\x1b[0m" in shown) == styled
    assert ("\x1b[1m" in shown) == styled
    terminal.close()


def test_its_value_is_the_reading(terminal: Terminal) -> None:
    assert "Account" not in terminal.type("c = %evolink_credits")
    assert "True" in terminal.type("from decimal import Decimal; c.spendable == Decimal('1095.3996')")
    assert "'user'" in terminal.type("c.binding")
    assert "Credits" in terminal.type("type(c)")


def test_help_of_a_magic_is_shown(terminal: Terminal) -> None:
    shown = terminal.type("%evolink_credits?")
    assert "Show what the account and the key have left." in shown
    assert "--warn-below" in shown


def test_a_key_is_taken_without_echo(keyless: Terminal, spec_server: DemoServer) -> None:
    assert "No EvoLink API key was found." in keyless.type("%evolink_credits")
    assert "1,095.3996" in keyless.log_in("", spec_server.key)
    assert "1,095.3996" in keyless.type("%evolink_credits")
    keyless.type("%evolink_login --forget")
    assert "No EvoLink API key was found." in keyless.type("%evolink_credits")
    assert spec_server.key not in keyless.all_shown


def test_a_key_is_kept_when_asked_to(keyless: Terminal, spec_server: DemoServer, keyring: Path) -> None:
    keyless.log_in("--save", spec_server.key)
    [kept] = keyring.iterdir()
    assert kept.read_text() == spec_server.key
    keyless.type("%evolink_login --forget")
    assert "1,095.3996" in keyless.type("%evolink_credits")
    assert spec_server.key not in keyless.all_shown


def test_a_wrong_key_is_not_kept(keyless: Terminal, spec_server: DemoServer, keyring: Path) -> None:
    spec_server.fault(status=401)
    shown = keyless.log_in("--save", "mistyped-key")
    assert "AuthenticationError: EvoLink answered 401: Invalid or expired token" in shown
    assert "mistyped-key" not in keyless.all_shown
    assert list(keyring.iterdir()) == []
    assert "No EvoLink API key was found." in keyless.type("%evolink_credits")


def test_no_key_given_is_said(keyless: Terminal) -> None:
    assert "ConfigurationError: The API key is empty" in keyless.log_in("", "")


def test_a_later_cost_names_its_cell(demo_server: DemoServer) -> None:
    """It stands under another cell's number."""
    demo_server.account.settle_after = (0.5, 0.5)
    terminal = Terminal({"EVOLINK_API_KEY": demo_server.key, "EVOLINK_BASE_URL": demo_server.url})
    terminal.type("%load_ext evolink_nb")
    terminal.type(GENERATE_LINE)
    shown = terminal.enter(["%%evolink_credits -o cost", "generate()", "", ""])
    assert shown.strip().splitlines()[-1].startswith("1 credit · settling … · ")
    later = terminal.type("cost.wait(30)")
    assert re.search(r"In \[3\]: (about )?1 credit · ", later)
    assert "settling" not in later
    terminal.close()
