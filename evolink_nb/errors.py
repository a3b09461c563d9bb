"""The exceptions of this package, as one tree.

    EvoLinkError                      everything this package raises on purpose
    ├── ConfigurationError            no key, or a key or base URL that can't be used
    ├── APIConnectionError            no answer: refused, reset, unresolved
    │   └── APITimeoutError           no answer in the time allowed
    ├── APIStatusError                EvoLink answered, and the answer is an error
    │   ├── BadRequestError           400
    │   ├── AuthenticationError       401
    │   ├── PaymentRequiredError      402
    │   ├── PermissionDeniedError     403
    │   ├── NotFoundError             404
    │   ├── RateLimitError            429
    │   └── ServerError               5xx
    ├── InvalidResponseError          a 200 that can't be read
    └── HistoryError                  the history can't be read or written

    BudgetExceeded                    work was stopped; not an Exception, so that no retry loop swallows it

In a worker of a process pool or of `multiprocessing.pool.ThreadPool`, a `BudgetExceeded` is a
`WorkerBudgetExceeded`, which is also an `Exception`: such a pool passes only an `Exception` on to its caller,
and hangs on a call that raised anything else. A parent process receives it as a plain `BudgetExceeded`.

Each error prints as one or two lines: what happened and what to do. None holds a key or a request.
"""

from __future__ import annotations

import sys
import threading
from decimal import Decimal
from typing import Any, Self

_PROCESS_MODULES = ("multiprocessing.process", "multiprocess.process", "billiard.process")
# From the standard library, pathos and celery. joblib's loky uses the first.
_THREAD_MODULES = ("multiprocessing.dummy", "multiprocess.dummy")


class EvoLinkError(Exception):
    """Anything that goes wrong between a notebook and EvoLink.

    Attributes:
        message: What happened, in one line.
        hint: What to do about it; None if there is no advice.
        shell_hint: What to do about it in a shell, which has no magics and no Python arguments.
    """

    def __init__(self, message: str, *, hint: str | None = None, shell_hint: str | None = None) -> None:
        """Create an error.

        Args:
            message: What happened, in one line.
            hint: What to do about it, in one line.
            shell_hint: What to do about it in a shell, if that differs.
        """
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.shell_hint = shell_hint or hint

    def __str__(self) -> str:
        return self._text(self.hint)

    def in_shell(self) -> str:
        """Return the text for a shell."""
        return self._text(self.shell_hint)

    def _text(self, hint: str | None) -> str:
        return self.message if hint is None else f"{self.message}\n{hint}"

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions cross process boundaries (joblib, multiprocessing); the default reconstruction calls
        # __init__ without its keywords and fails there, which hangs a pool.
        return (type(self).__new__, (type(self), *self.args), self.__dict__)

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython prints instead of a traceback: the remedy, not our stack."""
        first, *rest = str(self).splitlines()
        return [f"{type(self).__name__}: {first}", *rest, *getattr(self, "__notes__", ())]


class ConfigurationError(EvoLinkError):
    """No key was found, or the key or the base URL can't be used."""


class APIConnectionError(EvoLinkError):
    """EvoLink could not be reached, or the connection broke before it answered."""


class APITimeoutError(APIConnectionError):
    """EvoLink did not answer in the time allowed."""


class APIStatusError(EvoLinkError):
    """EvoLink answered with an error.

    Attributes:
        status: The HTTP status.
        code: The API's own code; None if it sent none.
        type: The API's name for the kind of error, such as "rate_limit_error"; None if it sent none.
        param: The parameter at fault; None if it sent none.
        suggestion: What the API suggests doing (its ``fallback_suggestion``); None if it sent none.
        request_id: Identifies the request to EvoLink's support; None if the response had none.
        retry_after: Seconds to wait before retrying; None if the server doesn't say.
        asks_to_wait: Whether it asks for that wait in a ``Retry-After`` header, not only as general advice.
    """

    asks_to_wait = False

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: int | str | None = None,
        type: str | None = None,  # noqa: A002 - the API's own name for the field
        param: str | None = None,
        suggestion: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        hint: str | None = None,
        shell_hint: str | None = None,
    ) -> None:
        """Create an error from a response.

        Args:
            message: What happened, in the server's own words.
            status: The HTTP status.
            code: The API's own code.
            type: The API's name for the kind of error.
            param: The parameter at fault.
            suggestion: What the API suggests doing.
            request_id: Identifies the request to EvoLink's support.
            retry_after: Seconds to wait before retrying.
            hint: What to do about it, in one line.
            shell_hint: What to do about it in a shell, if that differs.
        """
        super().__init__(message, hint=hint, shell_hint=shell_hint)
        self.status = status
        self.code = code
        self.type = type
        self.param = param
        self.suggestion = suggestion
        self.request_id = request_id
        self.retry_after = retry_after

    def _text(self, hint: str | None) -> str:
        request = f" [request {self.request_id}]" if self.request_id else ""
        first = f"EvoLink answered {self.status}: {self.message}{request}"
        suggestion = f"EvoLink suggests: {self.suggestion}." if self.suggestion else None
        advice = " ".join(part for part in (suggestion, hint) if part)
        return f"{first}\n{advice}" if advice else first


class BadRequestError(APIStatusError):
    """400: the request was refused as malformed."""


class AuthenticationError(APIStatusError):
    """401: the key is wrong, expired or used up."""


class PaymentRequiredError(APIStatusError):
    """402: the key or the account has nothing left to spend."""


class PermissionDeniedError(APIStatusError):
    """403: the key may not do this."""


class NotFoundError(APIStatusError):
    """404: there is no such endpoint at this base URL."""


class RateLimitError(APIStatusError):
    """429: too many requests."""


class ServerError(APIStatusError):
    """5xx: the failure is on EvoLink's side or on the way there."""


class InvalidResponseError(EvoLinkError):
    """EvoLink answered 200, but the response contains no reading.

    Attributes:
        request_id: Identifies the request to EvoLink's support; None if the response had none.
    """

    def __init__(self, message: str, *, request_id: str | None = None, hint: str | None = None) -> None:
        """Create an error from a response.

        Args:
            message: What could not be parsed.
            request_id: Identifies the request to EvoLink's support.
            hint: What to do about it, in one line.
        """
        super().__init__(message, hint=hint)
        self.request_id = request_id


class HistoryError(EvoLinkError):
    """The history can't be read or written."""


class BudgetExceeded(BaseException):
    """Work was stopped because its budget is spent.

    Not an ``Exception``: a retry loop must not swallow it.

    Attributes:
        message: What happened, in one line.
        name: The budget that tripped.
        max_credits: The credits it allows.
        spent: The credits spent when the budget tripped, amended at each reading while the work still runs.
            The work's final cost may be higher.
        over: The credits spent beyond the limit, amended in the same way.
        hint: How to interpret it; "" if there is no advice.
    """

    def __new__(cls, *args: object, **_kwargs: object) -> Self:
        """Create an instance of the class that this thread raises."""
        kind: Any = stop_class() if cls is BudgetExceeded else cls
        stop: Self = BaseException.__new__(kind, *args)
        return stop

    # `over` is an argument: only `credits` computes exact differences, and this module can't import it.

    def __init__(
        self,
        message: str,
        *,
        name: str,
        max_credits: Decimal,
        spent: Decimal,
        over: Decimal,
        hint: str = "",
    ) -> None:
        """Create the exception that stops the work.

        Args:
            message: What happened, in one line.
            name: The budget that tripped.
            max_credits: The credits it allows.
            spent: The credits spent.
            over: The credits spent beyond the limit.
            hint: How to interpret it, in one line.
        """
        super().__init__(message)
        self.message = message
        self.name = name
        self.max_credits = max_credits
        self.spent = spent
        self.over = over
        self.hint = hint
        self.still_running = ""

    def is_same(self, other: object) -> bool:
        """Return whether another exception is a stop by the same budget: each refused call raises its own.

        Args:
            other: An exception, or None.
        """
        return isinstance(other, BudgetExceeded) and other.name == self.name

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return (_unpickled, self.args, self.__dict__)

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython prints instead of a traceback."""
        first, *rest = str(self).splitlines()
        return [f"{type(self).__name__}: {first}", *rest]


class WorkerBudgetExceeded(BudgetExceeded, Exception):  # noqa: N818 - a stop, not an error
    """A `BudgetExceeded` raised in a pool's worker."""


def _unpickled(*args: object) -> BudgetExceeded:
    """Return a stop without its attributes, of the class that this process raises."""
    return BudgetExceeded.__new__(BudgetExceeded, *args)


def stop_class() -> type[BudgetExceeded]:
    """Return the class of stop that this thread raises."""
    return WorkerBudgetExceeded if in_worker() else BudgetExceeded


def in_worker() -> bool:
    """Return whether this process or thread belongs to a pool that handles nothing but `Exception`.

    Of the thread pools, `multiprocessing.pool.ThreadPool` is one; `concurrent.futures` handles everything.
    """
    processes = (sys.modules[name].current_process() for name in _PROCESS_MODULES if name in sys.modules)
    if any(process.name != "MainProcess" for process in processes):
        return True
    return type(threading.current_thread()).__module__ in _THREAD_MODULES
