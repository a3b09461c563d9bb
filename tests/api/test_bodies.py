"""Every body of a 200 is a reading with the right numbers, or one error that says why it isn't.

`BODIES` is the table: a body, and what comes of it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from evolink_nb.api.credentials import Secret
from evolink_nb.api.responses import Response, parse_response
from evolink_nb.credits import Credits
from tests.support.failing_server import KEY, READING

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
TEXT = json.dumps(READING)
USER = '"user": {"remaining_credits": 1095.3996, "used_credits": 135.9048}'
TOKEN = '"token": {"remaining_credits": 99416.4429, "used_credits": 583.5571, "unlimited_credits": false}'

READ = "1095.3996"
EMPTY = "it is empty"
NOT_JSON = "it is not JSON, or is cut short"
PAGE = "it is a web page, not JSON"
NO_DATA = "data is missing, not an object"
FAILURE = "reports a failure"
IMPLAUSIBLE = "data.user.remaining_credits is not a plausible number of credits"


class Body(NamedTuple):
    """A row: what is special, the body, and the balance that is read or the error's words."""

    name: str
    body: bytes
    outcome: str


def with_amount(literal: str) -> bytes:
    """The documented body with another balance, as it stands in JSON."""
    return TEXT.replace("1095.3996", literal).encode()


def without(*path: str) -> bytes:
    """The documented body without a field."""
    body: Any = json.loads(TEXT)
    part = body
    for name in path[:-1]:
        part = part[name]
    del part[path[-1]]
    return json.dumps(body).encode()


def replaced(value: object, *path: str) -> bytes:
    """The documented body with another value of a field."""
    body: Any = json.loads(TEXT)
    part = body
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    return json.dumps(body).encode()


def of_parts(*parts: str) -> bytes:
    """A body whose ``data`` has these members as they stand, even twice."""
    return f'{{"data": {{{", ".join(parts)}}}, "message": "", "success": true}}'.encode()


UNLIMITED = ("data", "token", "unlimited_credits")
REMAINING = ("data", "user", "remaining_credits")

BODIES = [
    Body("the documented one", TEXT.encode(), READ),
    # no JSON
    Body("nothing", b"", EMPTY),
    Body("white space", b" \r\n\t", EMPTY),
    Body("a byte order mark alone", b"\xef\xbb\xbf", NOT_JSON),
    Body("a page", b"<!doctype html><title>502</title>", PAGE),
    Body("a page after white space", b"\n\n <html>", PAGE),
    Body("XML", b'<?xml version="1.0"?><data/>', PAGE),
    Body("plain words", b"upstream connect error", NOT_JSON),
    Body("half of it", TEXT.encode()[:100], NOT_JSON),
    Body("all but the last byte", TEXT.encode()[:-1], NOT_JSON),
    Body("two of them", TEXT.encode() * 2, NOT_JSON),
    Body("one a line", TEXT.encode() + b"\n" + TEXT.encode(), NOT_JSON),
    Body("bytes after it", TEXT.encode() + b"\x00", NOT_JSON),
    Body("an event stream", b"data: " + TEXT.encode() + b"\n\n", NOT_JSON),
    Body("JSON with padding", b"callback(" + TEXT.encode() + b")", NOT_JSON),
    Body("a guard before it", b")]}'\n" + TEXT.encode(), NOT_JSON),
    Body("comments", b"/* balance */" + TEXT.encode(), NOT_JSON),
    Body("a comma too many", (TEXT[:-1] + ",}").encode(), NOT_JSON),
    Body("single quotes", TEXT.replace('"', "'").encode(), NOT_JSON),
    Body("Python's words", str(READING).encode(), NOT_JSON),
    Body("YAML", b"data:\n  user:\n    remaining_credits: 5", NOT_JSON),
    Body("binary", bytes(range(256)), NOT_JSON),
    Body("zeros", b"\x00" * 64, NOT_JSON),
    Body("packed", b"\x1f\x8b\x08\x00\x00\x00\x00\x00", NOT_JSON),
    Body("half a million brackets", b"[" * 500_000, NOT_JSON),
    Body("a hundred thousand objects", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, NOT_JSON),
    # charsets
    Body("a byte order mark before it", b"\xef\xbb\xbf" + TEXT.encode(), READ),
    Body("UTF-16 with a mark", TEXT.encode("utf-16"), NOT_JSON),
    Body("UTF-16 without one", TEXT.encode("utf-16-le"), NOT_JSON),
    Body("UTF-32", TEXT.encode("utf-32"), NOT_JSON),
    Body("Latin-1 in the message", replaced("é", "message").replace(b"\\u00e9", b"\xe9"), NOT_JSON),
    Body("half a pair of UTF-16", replaced("\ud83d", "message"), READ),
    Body("overlong UTF-8", TEXT.encode().replace(b'""', b'"\xc0\xaf"'), NOT_JSON),
    Body("EBCDIC", TEXT.encode("cp037"), NOT_JSON),
    # other JSON
    Body("null", b"null", NO_DATA),
    Body("true", b"true", NO_DATA),
    Body("a number", b"1095.3996", NO_DATA),
    Body("a text", b'"1095.3996"', NO_DATA),
    Body("a list", b"[]", NO_DATA),
    Body("a list of one", b"[" + TEXT.encode() + b"]", NO_DATA),
    Body("an empty object", b"{}", NO_DATA),
    Body("the text of it", json.dumps(TEXT).encode(), NO_DATA),
    Body("another API's", b'{"balance": 5, "currency": "USD"}', NO_DATA),
    Body("OpenAI's", b'{"object": "list", "data": []}', "data is of type list, not an object"),
    # fields
    Body("no data", without("data"), NO_DATA),
    Body("no token", without("data", "token"), "data.token is missing, not an object"),
    Body("no user", without("data", "user"), "data.user is missing, not an object"),
    Body("no unlimited_credits", without(*UNLIMITED), "data.token.unlimited_credits is missing"),
    Body("no remaining_credits", without(*REMAINING), "data.user.remaining_credits is missing, not a number"),
    Body("no used_credits", without("data", "token", "used_credits"), "data.token.used_credits is missing"),
    Body("no message", without("message"), READ),
    Body("no success", without("success"), READ),
    Body("data is null", replaced(None, "data"), NO_DATA),
    Body("data is a text", replaced(TEXT, "data"), "data is of type str, not an object"),
    Body("user is a list", replaced([], "data", "user"), "data.user is of type list, not an object"),
    Body("unlimited is a text", replaced("false", *UNLIMITED), "unlimited_credits is of type str"),
    Body("unlimited is 0", replaced(0, *UNLIMITED), "unlimited_credits is of type Decimal"),
    Body("unlimited is null", replaced(None, *UNLIMITED), "unlimited_credits is missing"),
    Body("names in capitals", TEXT.replace("data", "DATA").encode(), NO_DATA),
    Body("names without underscores", TEXT.replace("_", "").encode(), "unlimited_credits is missing"),
    Body("fields nobody knows", replaced({"a": [1, {}]}, "data", "user", "more"), READ),
    Body("10,000 fields nobody knows", replaced({str(n): n for n in range(10_000)}, "more"), READ),
    Body("__proto__ and __class__", replaced({"__class__": 1}, "data", "__proto__"), READ),
    Body("success is false", replaced(False, "success"), FAILURE),
    Body("success is a text", replaced("false", "success"), READ),
    Body("success is null", replaced(None, "success"), READ),
    Body("an error beside it", replaced({"code": 401, "message": "No"}, "error"), "EvoLink answered 401: No"),
    Body("an empty error beside it", replaced({}, "error"), READ),
    Body("an error that is a text", replaced("No", "error"), "reports a failure: No"),
    # a name twice: the last counts, as everywhere in Python
    Body("the user twice", of_parts(USER.replace("1095.3996", "1"), TOKEN, USER), READ),
    Body("the amount twice", of_parts(TOKEN, USER.replace("{", '{"remaining_credits": 1, ', 1)), READ),
    Body("the user again, as null", of_parts(TOKEN, USER, '"user": null'), "data.user is missing"),
    # numbers
    Body("amount: 0", with_amount("0"), "0"),
    Body("amount: -0", with_amount("-0"), "0"),
    Body("amount: -0.0", with_amount("-0.0"), "0"),
    Body("amount: 0e5", with_amount("0e5"), "0"),
    Body("amount: negative", with_amount("-12.25"), "-12.25"),
    Body("amount: whole", with_amount("1095"), "1095"),
    Body("amount: an exponent", with_amount("1.5E+3"), "1500"),
    Body("amount: a small exponent", with_amount("15e-4"), "0.0015"),
    Body("amount: more digits than a double has", with_amount("1095.39960000000001"), "1095.39960000000001"),
    Body("amount: 30 digits", with_amount("9" * 11 + "." + "9" * 4), "99999999999.9999"),
    Body("amount: a million digits", with_amount("9" * 1_000_000), IMPLAUSIBLE),
    Body("amount: a million decimals", with_amount("0." + "1" * 1_000_000), IMPLAUSIBLE),
    Body("amount: 1e400", with_amount("1e400"), IMPLAUSIBLE),
    Body("amount: 1e999999999", with_amount("1e999999999"), IMPLAUSIBLE),
    Body("amount: 1e-999999999", with_amount("1e-999999999"), IMPLAUSIBLE),
    Body("amount: an exponent of 40 digits", with_amount("1e" + "9" * 40), NOT_JSON),
    Body("amount: NaN", with_amount("NaN"), NOT_JSON),
    Body("amount: Infinity", with_amount("Infinity"), NOT_JSON),
    Body("amount: -Infinity", with_amount("-Infinity"), NOT_JSON),
    Body("amount: nan", with_amount("nan"), NOT_JSON),
    Body("amount: a leading zero", with_amount("01095"), NOT_JSON),
    Body("amount: a leading plus", with_amount("+1095"), NOT_JSON),
    Body("amount: no digit before the point", with_amount(".5"), NOT_JSON),
    Body("amount: no digit after the point", with_amount("5."), NOT_JSON),
    Body("amount: a decimal comma", with_amount("1095,3996"), NOT_JSON),
    Body("amount: hexadecimal", with_amount("0x447"), NOT_JSON),
    Body("amount: underscores", with_amount("1_095"), NOT_JSON),
    Body("amount: digits of another script", with_amount("١٠٩٥"), NOT_JSON),
    Body(
        "amount: a text",
        with_amount('"1095.3996"'),
        "data.user.remaining_credits is of type str, not a number",
    ),
    Body(
        "amount: an empty text", with_amount('""'), "data.user.remaining_credits is of type str, not a number"
    ),
    Body("amount: true", with_amount("true"), "data.user.remaining_credits is of type bool, not a number"),
    Body("amount: null", with_amount("null"), "data.user.remaining_credits is missing, not a number"),
    Body(
        "amount: a list", with_amount("[1095]"), "data.user.remaining_credits is of type list, not a number"
    ),
    Body("amount: an object", with_amount("{}"), "data.user.remaining_credits is of type dict, not a number"),
]


@pytest.mark.parametrize("row", BODIES, ids=lambda row: row.name)
def test_a_body_is_read_or_refused(row: Body) -> None:
    outcome = parse_response(Response(200, {}, row.body, NOW), Secret(KEY).redact)
    if isinstance(outcome, Credits):
        assert format(outcome.user.remaining.normalize() + 0, "f") == row.outcome
    else:
        assert row.outcome in str(outcome), outcome
        assert len(str(outcome)) < 400
