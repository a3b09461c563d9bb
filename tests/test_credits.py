"""One reading's values: exact, checked field by field, and written as they came."""

from __future__ import annotations

import copy
import dataclasses
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.credits import Credits, parse_json

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)

EXAMPLE = """{"data": {
    "token": {"remaining_credits": 99416.4429, "used_credits": 583.5571, "unlimited_credits": false},
    "user": {"remaining_credits": 1095.3996, "used_credits": 135.9048}},
    "message": "", "success": true}"""

AMOUNTS = [
    "data.token.remaining_credits",
    "data.token.used_credits",
    "data.user.remaining_credits",
    "data.user.used_credits",
]
FIELDS = [*AMOUNTS, "data.token.unlimited_credits", "data.token", "data.user", "data"]


def read(text: str) -> Credits:
    return Credits.from_dict(parse_json(text), read_at=NOW)


def reading(token: str, user: str = "0", *, unlimited: bool = False) -> Credits:
    return read(
        f'{{"data": {{"token": {{"remaining_credits": {token}, "used_credits": 0,'
        f' "unlimited_credits": {json.dumps(unlimited)}}},'
        f' "user": {{"remaining_credits": {user}, "used_credits": 0}}}}}}'
    )


def example_with(field: str, value: object) -> dict[str, Any]:
    """The documented example as parsed, with one field replaced, or missing where the value is `...`."""
    answer: dict[str, Any] = copy.deepcopy(parse_json(EXAMPLE))
    *path, name = field.split(".")
    part = answer
    for step in path:
        part = part[step]
    part[name] = value
    if value is ...:
        del part[name]
    return answer


def test_the_example_is_read_exactly() -> None:
    credits = read(EXAMPLE)
    assert (credits.token.remaining, credits.token.used) == (Decimal("99416.4429"), Decimal("583.5571"))
    assert (credits.user.remaining, credits.user.used) == (Decimal("1095.3996"), Decimal("135.9048"))
    assert credits.token.unlimited is False
    assert (credits.read_at, credits.simulated) == (NOW, False)
    assert (credits.spendable, credits.binding) == (Decimal("1095.3996"), "user")
    assert credits.user.remaining - Decimal("1094.0396") == Decimal("1.36")


@pytest.mark.parametrize(
    ("token", "user", "unlimited", "spendable", "binding"),
    [
        ("10", "20", False, "10", "token"),
        ("20", "10", False, "10", "user"),
        ("10", "10", False, "10", "user"),
        ("-3", "10", False, "-3", "token"),
        ("10", "-0.5", False, "-0.5", "user"),
        ("0", "10", True, "10", "user"),
        ("-99", "10", True, "10", "user"),
        ("922337203685477.5807", "10", True, "10", "user"),
    ],
)
def test_what_can_be_spent_is_what_binds(
    token: str, user: str, unlimited: bool, spendable: str, binding: str
) -> None:
    credits = reading(token, user, unlimited=unlimited)
    assert (credits.spendable, credits.binding) == (Decimal(spendable), binding)


def test_nothing_is_assumed_to_add_up() -> None:
    answer = example_with("data.token.used_credits", Decimal(-7))
    assert Credits.from_dict(answer, read_at=NOW).token.used == -7


def test_a_reading_is_a_value() -> None:
    first, second = read(EXAMPLE), read(EXAMPLE)
    assert first == second
    assert hash(first) == hash(second)
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.user.remaining = Decimal(0)  # type: ignore[misc]


def test_undocumented_fields_are_ignored() -> None:
    answer = parse_json(EXAMPLE)
    answer["data"]["token"] |= {"daily_limit_credits": None, "reset_timezone": "UTC", "remaining": "NaN"}
    answer["data"]["team"] = [1, {"deep": True}]
    answer["version"] = parse_json("2")
    assert Credits.from_dict(answer, read_at=NOW) == read(EXAMPLE)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "value", [..., None, "12.5", "NaN", [], 12.5, 12, float("nan"), float("inf")], ids=repr
)
def test_a_wrong_field_is_named(field: str, value: object) -> None:
    """A field that is missing, or of another type."""
    with pytest.raises(ValueError, match=rf"^{field} is "):
        Credits.from_dict(example_with(field, value), read_at=NOW)


@pytest.mark.parametrize("field", AMOUNTS)
@pytest.mark.parametrize(
    "value", [True, False, {}, Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity")], ids=repr
)
def test_number_look_alikes_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{field} is "):
        Credits.from_dict(example_with(field, value), read_at=NOW)


@pytest.mark.parametrize("value", ["true", 0, 1, Decimal(0), Decimal(1), None, ...], ids=repr)
def test_only_a_boolean_says_unlimited(value: object) -> None:
    with pytest.raises(ValueError, match=r"^data\.token\.unlimited_credits is "):
        Credits.from_dict(example_with("data.token.unlimited_credits", value), read_at=NOW)


@pytest.mark.parametrize(
    "answer", [None, [], "text", Decimal(3), True, {}, {"data": None}, {"data": []}], ids=repr
)
def test_answers_of_other_shapes_are_refused(answer: object) -> None:
    with pytest.raises(ValueError, match=r"^data is (missing|of type \w+), not an object$"):
        Credits.from_dict(answer, read_at=NOW)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_unknown_to_json_are_named(number: str) -> None:
    with pytest.raises(ValueError, match=number):
        reading(number)


@pytest.mark.parametrize(
    "number",
    ["1e31", "-1e999999", "1e-401", "1e99999999999999999999", "1e-99999999999999999999", "1" * 300_000],
)
@pytest.mark.timeout(30)
def test_absurd_numbers_are_refused_at_once(number: str) -> None:
    # Written out in full, most of these would take minutes or all the memory.
    with pytest.raises(ValueError, match=r"plausible|bounds"):
        reading(number)


@pytest.mark.parametrize("text", ["[" * 500_000, '{"a":' * 200_000, "[" * 500_000 + "]" * 500_000])
def test_deep_nesting_is_refused_unharmed(text: str) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(text)
    assert read(EXAMPLE).user.used == Decimal("135.9048")


@pytest.mark.parametrize("text", ["", " ", "{", '{"a": 1', "<html>", "nul", "1,095.3996", "{'a': 1}", "\0"])
def test_what_is_not_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="line 1 column"):
        parse_json(text)


def test_the_dictionary_has_the_api_s_names() -> None:
    """And what follows from them."""
    written = read(EXAMPLE).to_dict()
    assert {name: written.pop(name) for name in ("data", "message", "success")} == parse_json(EXAMPLE)
    assert written == {
        "spendable": Decimal("1095.3996"),
        "binding": "user",
        "read_at": "2026-11-22T12:30:00+00:00",
        "simulated": False,
    }


def test_the_json_text_has_numbers() -> None:
    written = read(EXAMPLE).to_json()
    assert '"remaining_credits": 1095.3996,' in written
    assert '"spendable": 1095.3996,' in written
    assert json.loads(written)["data"] == json.loads(EXAMPLE)["data"]


doubles = st.floats(allow_nan=False, allow_infinity=False, min_value=-9e30, max_value=9e30)
amounts = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**24), max_value=10**24)


@given(st.one_of(doubles, st.integers(-(10**30), 10**30), amounts), doubles)
def test_any_number_comes_out_as_it_went_in(token: float | Decimal, user: float) -> None:
    text = str(token) if isinstance(token, Decimal) else json.dumps(token)
    credits = reading(text, json.dumps(user))
    assert credits.token.remaining == Decimal(text)
    again = Credits.from_dict(parse_json(credits.to_json()), read_at=NOW)
    assert again == credits
    # A reader with doubles gets back the very doubles that were sent.
    assert float(json.loads(credits.to_json())["data"]["user"]["remaining_credits"]) == user


names = st.sampled_from(["data", "token", "user", "remaining_credits", "used_credits", "unlimited_credits"])
values = st.recursive(
    st.none() | st.booleans() | st.text() | st.floats() | st.decimals(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6),
    max_leaves=12,
)


@given(values)
def test_any_refusal_names_a_field(answer: object) -> None:
    """Whatever the answer says."""
    try:
        credits = Credits.from_dict(answer, read_at=NOW)
    except ValueError as error:
        assert str(error).startswith("data")  # noqa: PT017 - nearly all examples raise, but not all must
    else:
        assert credits.spendable.is_finite()
