"""The tree of errors: what each says, how it prints, and that it crosses process borders."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

import pytest

from evolink_nb import errors
from evolink_nb.errors import APIStatusError, BudgetExceeded, EvoLinkError, RateLimitError
from tests.support.stops import a_stop


def every_kind(cls: type[EvoLinkError] = EvoLinkError) -> list[type[EvoLinkError]]:
    return [cls, *(kind for child in cls.__subclasses__() for kind in every_kind(child))]


def one(cls: type[EvoLinkError]) -> EvoLinkError:
    """An error of a kind with all that it can hold."""
    if not issubclass(cls, APIStatusError):
        return cls("It broke.", hint="Mend it.")
    return cls(
        "Slow down",
        status=429,
        code="too_fast",
        type="rate_limit_error",
        param="n",
        suggestion="retry after 60 seconds",
        request_id="req-1",
        retry_after=60.0,
        hint="Wait.",
    )


def raise_one(cls: type[EvoLinkError]) -> None:
    raise one(cls)


def test_docstring_draws_the_tree() -> None:
    drawn = [line.split() for line in str(errors.__doc__).splitlines() if line.startswith("    ")]
    *of_the_tree, beside = drawn
    assert beside[0] == errors.BudgetExceeded.__name__
    names = [next(word for word in words if word.endswith("Error")) for words in of_the_tree]
    assert names == [kind.__name__ for kind in every_kind()]
    depths = [
        line.index(name) for line in str(errors.__doc__).splitlines() for name in names if f" {name} " in line
    ]
    for kind, depth in zip(every_kind(), depths, strict=True):
        assert depth == 4 + 4 * (len(kind.__mro__) - len(EvoLinkError.__mro__)), kind


@pytest.mark.parametrize("cls", every_kind())
def test_every_error_prints_what_to_do(cls: type[EvoLinkError]) -> None:
    error = one(cls)
    happened, cure = str(error).splitlines()
    assert error.message in happened
    assert cure.endswith(error.hint or "")
    assert error._render_traceback_() == [f"{cls.__name__}: {happened}", cure]


def test_error_without_a_hint_is_one_line() -> None:
    assert str(EvoLinkError("It broke.")) == "It broke."
    assert EvoLinkError("It broke.")._render_traceback_() == ["EvoLinkError: It broke."]


def test_status_error_quotes_the_server() -> None:
    assert str(one(RateLimitError)) == (
        "EvoLink answered 429: Slow down [request req-1]\nEvoLink suggests: retry after 60 seconds. Wait."
    )
    assert str(APIStatusError("I'm a teapot", status=418)) == "EvoLink answered 418: I'm a teapot"


@pytest.mark.parametrize("cls", every_kind())
def test_every_error_can_be_pickled(cls: type[EvoLinkError]) -> None:
    error = one(cls)
    error.add_note("while counting")
    copies = [pickle.loads(pickle.dumps(error, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]  # noqa: S301 - our own bytes
    for again in (*copies, copy.copy(error), copy.deepcopy(error)):
        assert type(again) is cls
        assert (str(again), vars(again), again.args) == (str(error), vars(error), error.args)


def test_error_crosses_a_process_border() -> None:
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawning) as pool:
        raised = pool.submit(raise_one, RateLimitError).exception(timeout=60)
    assert isinstance(raised, RateLimitError)
    assert (raised.retry_after, str(raised)) == (60.0, str(one(RateLimitError)))


# -- stops in workers of pools -----------------------------------------------------------------------------


def stop_in_a_retry_loop() -> None:
    raise a_stop()


def kind_of_stop() -> tuple[bool, bool]:
    stop = a_stop()
    return isinstance(stop, BudgetExceeded), isinstance(stop, Exception)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_hands_on_a_workers_stop(method: str) -> None:
    """And in the parent process no retry loop swallows it."""
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(kind_of_stop) == (True, True)
        with pytest.raises(BudgetExceeded) as caught:
            pool.apply_async(stop_in_a_retry_loop).get(60)
    assert type(caught.value) is BudgetExceeded
    assert (str(caught.value), vars(caught.value)["spent"]) == (str(a_stop()), 7)


def test_a_pool_of_futures_hands_it_on() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        raised = pool.submit(stop_in_a_retry_loop).exception(timeout=60)
    assert type(raised) is BudgetExceeded
    assert raised.over == 2


def test_a_pool_of_threads_hands_it_on() -> None:
    with ThreadPool(1) as pool:
        assert pool.apply(kind_of_stop) == (True, True)
    with ThreadPoolExecutor(1) as other:
        assert other.submit(kind_of_stop).result() == (True, False)


def test_a_stop_can_be_pickled() -> None:
    stop = a_stop()
    stop.add_note("while counting")
    copies = [pickle.loads(pickle.dumps(stop, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]  # noqa: S301 - our own bytes
    for again in (*copies, copy.copy(stop), copy.deepcopy(stop)):
        assert type(again) is BudgetExceeded
        assert (str(again), vars(again), again.args) == (str(stop), vars(stop), stop.args)
