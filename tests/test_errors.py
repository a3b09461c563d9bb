"""The tree of errors: what each says, how it prints, and that it crosses process borders."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import pytest

from evolink_nb import errors
from evolink_nb.errors import APIStatusError, EvoLinkError, RateLimitError


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
