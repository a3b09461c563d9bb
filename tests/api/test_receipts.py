"""What an answer says it reserved, however strange the answer."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.api.receipts import MAX_BODY, may_hold_receipt, receipt_of

json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def body_of(reserved: str) -> bytes:
    return b'{"usage": {"credits_reserved": %s}}' % reserved.encode()


@pytest.mark.parametrize("amount", ["0", "1", "1.6", "2.50", "0.0001", "1e2", "123456789.123456789"])
def test_a_receipt_is_exact(amount: str) -> None:
    assert receipt_of(200, body_of(amount)) == Decimal(amount)


@pytest.mark.parametrize(
    "amount",
    [
        "null",
        "true",
        '"5"',
        "[5]",
        "{}",
        "-1",
        "NaN",
        "Infinity",
        "1e400",
        "1e16",
        "1" * 5000,
        "1e-99999999999999",
    ],
)
def test_a_strange_receipt_is_none(amount: str) -> None:
    assert receipt_of(200, body_of(amount)) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[]", b"5", b"<html>", b'{"usage": null}', b'{"usage": [{"credits_reserved": 5}]}',
     b'{"credits_reserved": 5}', b"[" * 100_000, b" " * (MAX_BODY + 1) + body_of("5"), None],
)  # fmt: skip
def test_a_strange_answer_has_no_receipt(body: bytes | None) -> None:
    assert receipt_of(200, body) is None


@given(json_values, json_values)
def test_no_answer_disturbs_the_caller(usage: Any, reserved: Any) -> None:
    for content in ({"usage": usage}, {"usage": {"credits_reserved": reserved}}, usage):
        found = receipt_of(200, json.dumps(content).encode())
        assert found is None or (found.is_finite() and found >= 0)


@given(st.binary(max_size=200), st.integers(100, 599))
def test_no_bytes_disturb_the_caller(body: bytes, status: int) -> None:
    receipt_of(status, body)


def test_a_refused_call_reserves_nothing() -> None:
    assert receipt_of(402, body_of("5")) == 0
    assert receipt_of(500, body_of("5")) is None
    assert receipt_of(302, body_of("5")) is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/problem+json", True),
        ("text/event-stream", False),
        ("application/x-ndjson", False),
        ("text/html", False),
        (None, False),
    ],
)
def test_what_is_kept_for_its_receipt(kind: str | None, *, expected: bool) -> None:
    assert may_hold_receipt(200, kind) is expected
    assert not may_hold_receipt(500, kind)
