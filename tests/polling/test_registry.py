"""The fetchers of a process: shared by account, stopped together, and held no longer than needed."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from evolink_nb.polling.registry import SharedFetchers


class StubClient:
    """Counts how often it was closed."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class StubFetcher:
    """Takes its time to stop, but no more than it is allowed."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.client = StubClient()
        self.seconds = seconds
        self.stopped: list[float] = []

    def stop(self, *, timeout: float) -> None:
        self.stopped.append(timeout)
        threading.Event().wait(min(self.seconds, timeout))


@pytest.fixture
def registry() -> SharedFetchers[StubFetcher]:
    return SharedFetchers()


def test_an_account_has_one(registry: SharedFetchers[StubFetcher]) -> None:
    one = registry.get("one", StubFetcher)
    assert registry.get("one", StubFetcher) is one
    other = registry.get("other", StubFetcher)
    assert other is not one
    assert [*registry] == [one, other]


def test_stop_all_stops_and_shares_no_more(registry: SharedFetchers[StubFetcher]) -> None:
    shared, own = registry.get("one", StubFetcher), StubFetcher()
    for fetcher in (shared, own):
        registry.add(fetcher)
    registry.stop_all()
    assert (len(shared.stopped), len(own.stopped)) == (1, 1)
    # Other fetchers' clients are closed by their makers.
    assert (shared.client.closed, own.client.closed) == (1, 0)
    assert [*registry] == []
    assert registry.get("one", StubFetcher) is not shared


def test_fetchers_are_not_kept(registry: SharedFetchers[StubFetcher]) -> None:
    kept = [weakref.ref(StubFetcher()), weakref.ref(registry.get("one", StubFetcher))]
    registry.stop_all()
    gc.collect()
    assert [reference() for reference in kept] == [None, None]


def test_stop_all_is_bounded(registry: SharedFetchers[StubFetcher]) -> None:
    """However many of them hang, and though they are stopped one after the other."""
    hanging = [StubFetcher(seconds=60) for _ in range(5)]
    for fetcher in hanging:
        registry.add(fetcher)
    registry.stop_all(timeout=0.2)
    assert sum(fetcher.stopped[0] for fetcher in hanging) <= 0.3


def test_a_forked_child_shares_none(registry: SharedFetchers[StubFetcher]) -> None:
    parents = registry.get("one", StubFetcher)
    registry.after_fork()
    assert [*registry] == []
    assert registry.get("one", StubFetcher) is not parents
    assert (parents.stopped, parents.client.closed) == ([], 0)


def test_a_stop_may_ask_for_a_fetcher(registry: SharedFetchers[StubFetcher]) -> None:
    """As an observer may that is told of it, on another thread."""

    class Asking(StubFetcher):
        def stop(self, *, timeout: float) -> None:
            asking = threading.Thread(target=registry.get, args=("another", StubFetcher))
            asking.start()
            asking.join(60)
            assert not asking.is_alive()
            super().stop(timeout=timeout)

    fetcher = Asking()
    registry.add(fetcher)
    registry.stop_all()
    assert len(fetcher.stopped) == 1
