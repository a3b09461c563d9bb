"""What kind of front end runs a cell, from its request."""

from __future__ import annotations

from typing import Any

import pytest

from evolink_nb.notebook.client import Client, choose_client, client_of


@pytest.mark.parametrize(
    ("content", "metadata", "in_colab", "client"),
    [
        ({"allow_stdin": True}, {"cellId": "c1", "deletedCells": []}, False, Client.NOTEBOOK),
        ({"allow_stdin": True}, {}, True, Client.NOTEBOOK),
        ({"allow_stdin": False}, {}, False, Client.BATCH),
        ({"allow_stdin": False}, {"cellId": "c1"}, True, Client.BATCH),
        ({"allow_stdin": True}, {}, False, Client.CONSOLE),
        ({}, {}, False, Client.CONSOLE),
    ],
)
def test_request_says_what_sent_it(
    content: dict[str, Any], metadata: dict[str, Any], in_colab: bool, client: Client
) -> None:
    assert choose_client({"content": content, "metadata": metadata}, in_colab=in_colab) is client


def test_no_request_says_nothing_known() -> None:
    assert choose_client({}, in_colab=False) is Client.CONSOLE


def test_pyodides_kernel_knows_the_request() -> None:
    class Kernel:
        def get_parent(self) -> dict[str, Any]:
            return {"content": {}, "metadata": {"cellId": "c1"}}

    class Shell:
        kernel = Kernel()

    assert client_of(Shell()) is Client.NOTEBOOK
