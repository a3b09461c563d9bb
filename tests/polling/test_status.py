"""The one vocabulary for how a reading stands."""

from __future__ import annotations

import json

import pytest

from evolink_nb import errors
from evolink_nb.polling.status import Status, status_after_stop, status_of

FAILURES = {Status.RATE_LIMITED, Status.UNAUTHORIZED, Status.OFFLINE, Status.ERROR}


def test_members_are_their_words() -> None:
    assert [*Status] == [
        "loading",
        "live",
        "refreshing",
        "paused",
        "rate-limited",
        "unauthorized",
        "offline",
        "error",
    ]
    assert json.dumps({"status": Status.RATE_LIMITED}) == '{"status": "rate-limited"}'
    assert f"{Status.LIVE}" == "live"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.AuthenticationError("no", status=401), Status.UNAUTHORIZED),
        (errors.PaymentRequiredError("no", status=402), Status.UNAUTHORIZED),
        (errors.PermissionDeniedError("no", status=403), Status.UNAUTHORIZED),
        (errors.RateLimitError("no", status=429), Status.RATE_LIMITED),
        (errors.APITimeoutError("late"), Status.OFFLINE),
        (errors.APIConnectionError("refused"), Status.OFFLINE),
        (errors.ServerError("no", status=503), Status.ERROR),
        (errors.InvalidResponseError("html"), Status.ERROR),
        (errors.EvoLinkError("a flaw"), Status.ERROR),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_failure_has_its_status(error: errors.EvoLinkError, status: Status) -> None:
    assert status_of(error) is status


@pytest.mark.parametrize("last", Status)
@pytest.mark.parametrize("kept", [True, False])
def test_a_stop_claims_no_freshness(last: Status, kept: bool) -> None:
    after = status_after_stop(last, kept=kept)
    if last in FAILURES or not kept:
        assert after is last
    else:
        assert after is Status.PAUSED
