"""The key is in nothing that a live card, its fetcher or their errors hold, show or send."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest
from ipywidgets import Widget

from evolink_nb import errors
from evolink_nb.api.client import EvoLinkClient
from evolink_nb.card.widget import CreditsWidget
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.secrecy import holders_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evolink_nb.demo import DemoServer


@pytest.fixture
def widget(demo_server: DemoServer) -> Iterator[CreditsWidget]:
    """A live card whose client, connection and last failure have all been used."""
    fetcher = CreditsFetcher(EvoLinkClient(demo_server.key, base_url=demo_server.url), 3600)
    fetcher.read()
    demo_server.fault(text=f'{{"error": {{"message": "no such key: {demo_server.key}", "code": 401}}}}')
    with pytest.raises(errors.AuthenticationError):
        fetcher.read()
    widget = CreditsWidget(fetcher)
    fetcher.wait(10)
    yield widget
    widget.close()


def test_no_object_holds_the_key(demo_server: DemoServer, widget: CreditsWidget) -> None:
    fetcher = widget.fetcher
    assert "[key]" in str(fetcher.error)
    roots = [fetcher.client, fetcher, widget, fetcher.error, fetcher.credits]
    assert holders_of(demo_server.key, roots) == []
    for root in roots:
        assert demo_server.key not in f"{root} {root!r}"


def test_widget_state_holds_no_key(demo_server: DemoServer, widget: CreditsWidget) -> None:
    shown, _metadata = widget._repr_mimebundle_()
    states = [widget.get_state(), Widget.get_manager_state(widgets=[widget]), shown]
    assert widget.message
    assert demo_server.key not in repr(states)


def test_pickles_hold_no_key(demo_server: DemoServer, widget: CreditsWidget) -> None:
    for kept in (widget.fetcher.error, widget.fetcher.credits):
        assert demo_server.key.encode() not in pickle.dumps(kept)
    for unkept in (widget.fetcher.client, widget.fetcher):
        with pytest.raises(TypeError):
            pickle.dumps(unkept)
