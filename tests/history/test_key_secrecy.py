"""What is kept holds no key in a form that it could be recovered from; every byte is looked at."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from evolink_nb import EvoLinkClient
from evolink_nb.history.current import current
from evolink_nb.history.sharing.leases import find_lease
from evolink_nb.history.sharing.sharing import source_of
from evolink_nb.history.storage.location import find_location
from tests.support.metered import GENERATE, LINE
from tests.support.secrecy import forms_in, forms_of
from tests.support.shell import open_shell, the_fetcher
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from evolink_nb.demo import DemoServer
    from tests.support.postgres import Postgres


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_no_byte_gives_the_key_away(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path, simulated_account: DemoServer
) -> None:
    """Not with readings, costs of cells that name it, the lease, or an error of a server that quotes it."""
    key, folder, place = simulated_account.key, tmp_path, str(tmp_path / "history.db")
    if kind == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        folder, place = server.data, server.new_database()
    began = time.time()
    use_it(place, simulated_account)
    content = written_since(began, folder)
    # What was kept is there to be found, and the key isn't.
    assert b"a cell of mine" in content
    assert b"no such key" in content
    assert forms_in(content, key, simulated_account.url) == []
    if kind == "sqlite":
        assert find_location(place).path.stat().st_mode & 0o777 == 0o600  # type: ignore[union-attr]


def written_since(began: float, folder: Path) -> bytes:
    """Return what is in the files of a folder that were written after a time, without what is empty there."""
    found = []
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a server goes on deleting its own
            if path.is_file() and path.stat().st_mtime >= began - 1:
                found.append(path.read_bytes().replace(bytes(64), b""))
    return b"".join(found)


def use_it(place: str, server: DemoServer) -> None:
    """Have a history keep all that it keeps."""
    with open_shell({"history": place}) as shell:
        shell.run("%evolink_credits")
        line = f"{LINE} --settle 30 --name 'a cell of mine {server.key}'"
        shell.run(f"{line}\n# {server.key}\n{GENERATE}generate()")
        fetcher, writer = the_fetcher(), current.required_writer()

        def shared() -> str:
            """What the lease has for others."""
            store, client = writer.store(), fetcher.client
            assert isinstance(client, EvoLinkClient)
            with store.begin(reads_only=True) as connection:
                lease = find_lease(connection, store.keys.fingerprint_of(source_of(client)))
            return "" if lease is None else repr(lease.outcome)

        fetcher.attach(shell, 0.3)
        wait_until(lambda: "Credits" in shared())
        echo = {"message": f"no such key: {server.key}, Bearer {server.key}", "code": 401}
        server.fault(status=401, text=json.dumps({"error": echo}))
        wait_until(lambda: "no such key" in shared())
        assert writer.flush(30)


def test_each_form_would_be_found() -> None:
    key, url = "sk-a-key-that-is-looked-for-0123456789abcdef", "https://api.evolink.ai"
    forms = forms_of(key, url)
    assert len(forms) > 60
    for name, form in forms.items():
        assert name in forms_in(b"before " + form + b" after", key, url)
    assert forms_in(b"nothing of it", key, url) == []
