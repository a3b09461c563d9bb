"""Whatever comes over the wire is a reading or one error, in time, and spoils no later read.

`FAULTS` is the table: what a server sends for a request, and what comes of it.
"""

from __future__ import annotations

import gzip
import json
import time
import zlib
from typing import NamedTuple

import pytest

from evolink_nb import Credits, EvoLinkError
from evolink_nb.api.client import Timing
from evolink_nb.api.transport import MAX_BODY
from tests.support.failing_server import GOOD, KEY, READING, FailingServer, Reply, response

TIMEOUT = 0.5
"""Seconds for rows that end in it."""
SLACK = 20.0
"""Seconds that a busy machine may take beyond it, or for an answer that comes."""

READ = "reading"
BROKE = "APIConnectionError: the connection broke"
LATE = f"APITimeoutError: within {TIMEOUT:g} s"
CUT = "InvalidResponseError: it was cut short"
EMPTY = "InvalidResponseError: it is empty"
NOT_JSON = "InvalidResponseError: it is not JSON, or is cut short"
PACKED = "InvalidResponseError: it is compressed, although the request asked for no compression"
LARGE = "InvalidResponseError: it is larger than 1,048,576 bytes"
AWAY = "APIStatusError: Redirects are not followed"
NO_ANSWER = "APIStatusError: Only an interim answer arrived"

BODY = json.dumps(READING).encode()
LENGTH = len(BODY)
WHOLE = response(READING)
HEAD = WHOLE[:-LENGTH]
OTHER = json.dumps(
    READING | {"data": READING["data"] | {"user": {"remaining_credits": 1, "used_credits": 1}}}
)


class Fault(NamedTuple):
    """A row: what happens, the bytes that are sent at once, what comes of it, and how the connection ends.

    What is ``dripping`` is sent a byte every ``pause`` seconds.
    """

    name: str
    sent: bytes
    outcome: str
    end: str = "stays"
    dripping: bytes = b""
    pause: float = 0.02

    @property
    def reply(self) -> Reply:
        """What the server does."""
        how = {word: True for word in self.end.split() if word != "stays"}
        return Reply(self.sent, dripping=self.dripping, pause=self.pause, **how)


def with_status(line: bytes) -> bytes:
    """A reading under another status line."""
    return line + WHOLE[len(b"HTTP/1.1 200 OK") :]


def with_head(*lines: bytes, body: bytes = BODY) -> bytes:
    """A body under these headers and no others."""
    return b"\r\n".join([b"HTTP/1.1 200 OK", *lines, b"", body])


def with_length(value: bytes) -> bytes:
    return with_head(b"content-length: " + value)


def chunked(*chunks: bytes) -> bytes:
    return with_head(b"transfer-encoding: chunked", body=b"".join(chunks))


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


def encoded(encoding: bytes, body: bytes) -> bytes:
    return with_head(b"content-encoding: " + encoding, b"content-length: %d" % len(body), body=body)


SIZED = b"content-length: %d" % LENGTH
ENDS = "hang_up"
LAST = b"0\r\n\r\n"
GZIP = gzip.compress(BODY)

FAULTS = [
    # the status line
    Fault("status: nothing but an empty line", b"\r\n\r\n", BROKE, ENDS),
    Fault("status: empty lines first", b"\r\n\r\n" + WHOLE, BROKE, ENDS),
    Fault("status: no status", with_status(b"HTTP/1.1"), BROKE, ENDS),
    Fault("status: a blank for a status", with_status(b"HTTP/1.1 "), BROKE, ENDS),
    Fault("status: a word", with_status(b"HTTP/1.1 abc OK"), BROKE, ENDS),
    Fault("status: two digits", with_status(b"HTTP/1.1 20 OK"), BROKE, ENDS),
    Fault("status: four digits", with_status(b"HTTP/1.1 2000 OK"), BROKE, ENDS),
    Fault("status: negative", with_status(b"HTTP/1.1 -200 OK"), BROKE, ENDS),
    Fault("status: below 100", with_status(b"HTTP/1.1 099 Low"), BROKE, ENDS),
    Fault("status: no such class", with_status(b"HTTP/1.1 600 High"), "ServerError: 600"),
    Fault("status: as high as can be", with_status(b"HTTP/1.1 999 Highest"), "ServerError: 999"),
    Fault("status: without its words", with_status(b"HTTP/1.1 200"), READ),
    Fault("status: other words", with_status(b"HTTP/1.1 200 Not Found"), READ),
    Fault("status: words in Latin-1", with_status(b"HTTP/1.1 200 \xfcber"), READ),
    Fault("status: 60 kB of words", with_status(b"HTTP/1.1 200 " + b"x" * 60_000), READ),
    Fault("status: 70 kB of words", with_status(b"HTTP/1.1 200 " + b"x" * 70_000), BROKE, ENDS),
    Fault("status: 70 kB without an end", b"x" * 70_000, BROKE, ENDS),
    Fault("status: HTTP/1.0", with_status(b"HTTP/1.0 200 OK"), READ, ENDS),
    Fault("status: HTTP/2 in letters", with_status(b"HTTP/2 200"), BROKE, ENDS),
    Fault("status: HTTP/3", with_status(b"HTTP/3.0 200 OK"), BROKE, ENDS),
    Fault("status: small letters", with_status(b"http/1.1 200 OK"), BROKE, ENDS),
    Fault("status: another protocol's", with_status(b"ICY 200 OK"), BROKE, ENDS),
    Fault("status: a blank before it", with_status(b" HTTP/1.1 200 OK"), READ),
    Fault("status: only a line feed after it", WHOLE.replace(b"OK\r\n", b"OK\n"), READ),
    Fault("status: none, as in HTTP/0.9", BODY, BROKE, ENDS),
    Fault("status: an SSH server", b"SSH-2.0-OpenSSH_9.6\r\n", BROKE, ENDS),
    Fault("status: a mail server", b"220 mail.example ESMTP\r\n", BROKE, ENDS),
    Fault("status: a TLS alert", b"\x15\x03\x01\x00\x02\x02\x46", BROKE, ENDS),
    Fault("status: HTTP/2 frames", b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18, BROKE, ENDS),
    Fault("status: zeros", b"\x00" * 1000, BROKE, ENDS),
    # headers
    Fault("headers: none", with_head(), READ, ENDS),
    Fault("headers: a line without a colon", with_head(b"nonsense", b"x: y"), READ, ENDS),
    Fault("headers: no name", with_head(b": y", SIZED), READ, ENDS),
    Fault("headers: a folded one", with_head(b"x: y", b"  z", SIZED), READ),
    Fault("headers: a blank before the colon", with_head(b"content-length : %d" % LENGTH), READ, ENDS),
    Fault("headers: a zero byte", with_head(b"x: \x00", SIZED), READ),
    Fault("headers: not ASCII", with_head(b"x: \xff\xfe\xc3", SIZED), READ),
    Fault("headers: only line feeds", WHOLE.replace(b"\r\n", b"\n"), READ),
    Fault("headers: only carriage returns", WHOLE.replace(b"\r\n", b"\r"), EMPTY, ENDS),
    Fault("headers: 90 of them", with_head(*[b"x: y"] * 89, SIZED), READ),
    Fault("headers: 200 of them", with_head(*[b"x: y"] * 200), BROKE, ENDS),
    Fault("headers: 60 kB in one", with_head(b"x: " + b"y" * 60_000, SIZED), READ),
    Fault("headers: 70 kB in one", with_head(b"x: " + b"y" * 70_000), BROKE, ENDS),
    Fault("headers: the content's type twice", response(READING, Content_Type="text/html"), READ),
    Fault(
        "headers: another type of content", response(READING).replace(b"application/json", b"image/png"), READ
    ),
    # the length
    Fault("length: none, and the end", with_head(), READ, ENDS),
    Fault("length: none, and no end", with_head(), LATE),
    Fault("length: a word", with_length(b"many"), READ, ENDS),
    Fault("length: nothing", with_length(b""), READ, ENDS),
    Fault("length: negative", with_length(b"-1"), READ, ENDS),
    Fault("length: with a plus", with_length(b"+%d" % LENGTH), READ, ENDS),
    Fault("length: a fraction", with_length(b"%d.0" % LENGTH), READ, ENDS),
    Fault("length: in other digits", with_length("٢٠٠".encode()), READ, ENDS),
    Fault("length: 0", with_length(b"0"), EMPTY),
    Fault("length: 1 too few", with_length(b"%d" % (LENGTH - 1)), NOT_JSON),
    Fault("length: 1 too many, and the end", with_length(b"%d" % (LENGTH + 1)), CUT, ENDS),
    Fault("length: 1 too many, and no end", with_length(b"%d" % (LENGTH + 1)), LATE),
    Fault("length: 30 digits", with_length(b"9" * 30), CUT, ENDS),
    Fault("length: 5000 digits", with_length(b"9" * 5000), CUT, ENDS),
    Fault("length: twice the same", with_head(*[SIZED] * 2), READ, ENDS),
    Fault("length: two that differ", with_head(b"content-length: 5", b"content-length: 7"), BROKE, ENDS),
    Fault(
        "length: beside chunks",
        with_head(b"content-length: 5", b"transfer-encoding: chunked", body=chunk(BODY) + LAST),
        READ,
    ),
    # chunks
    Fault("chunks: one", chunked(chunk(BODY), LAST), READ),
    Fault(
        "chunks: a byte each",
        chunked(*(chunk(BODY[place : place + 1]) for place in range(LENGTH)), LAST),
        READ,
    ),
    Fault("chunks: capital digits", chunked(b"%X\r\n%s\r\n" % (LENGTH, BODY), LAST), READ),
    Fault("chunks: leading zeros", chunked(b"0000%x\r\n%s\r\n" % (LENGTH, BODY), LAST), READ),
    Fault("chunks: an extension", chunked(b"%x;a=b\r\n%s\r\n" % (LENGTH, BODY), LAST), READ),
    Fault(
        "chunks: 70 kB of extension",
        chunked(b"%x;%s\r\n%s\r\n" % (LENGTH, b"a" * 70_000, BODY), LAST),
        CUT,
        ENDS,
    ),
    Fault("chunks: trailers", chunked(chunk(BODY), b"0\r\nx: y\r\n\r\n"), READ),
    Fault("chunks: the last one first", chunked(LAST), EMPTY),
    Fault("chunks: no last one, and the end", chunked(chunk(BODY)), CUT, ENDS),
    Fault("chunks: no last one, and no end", chunked(chunk(BODY)), LATE),
    Fault("chunks: a word for a size", chunked(b"many\r\n", BODY), CUT, ENDS),
    Fault("chunks: no size", chunked(b"\r\n", BODY), CUT, ENDS),
    Fault("chunks: a negative size", chunked(b"-5\r\n", BODY), CUT, ENDS),
    Fault("chunks: a size of -1, and 8 MB", chunked(b"-1\r\n", b" " * (8 << 20)), CUT, ENDS),
    Fault("chunks: a size too large", chunked(b"fff\r\n", BODY), CUT, ENDS),
    Fault("chunks: a size of 40 digits", chunked(b"f" * 40 + b"\r\n", BODY), CUT, ENDS),
    Fault("chunks: a size too small", chunked(b"5\r\n", BODY), CUT, ENDS),
    Fault("chunks: only line feeds", chunked(chunk(BODY), LAST).replace(b"\r\n", b"\n"), CUT, ENDS),
    Fault("chunks: announced, not sent", chunked(BODY), CUT, ENDS),
    Fault("chunks: of HTTP/1.0", chunked(chunk(BODY), LAST).replace(b"1.1", b"1.0", 1), READ, ENDS),
    Fault(
        "chunks: within gzip",
        with_head(b"transfer-encoding: gzip, chunked", body=chunk(GZIP) + LAST),
        NOT_JSON,
        ENDS,
    ),
    Fault("chunks: identity", with_head(b"transfer-encoding: identity", SIZED), READ),
    # hanging up, and cutting off
    *(
        Fault(f"{name}: {point}", WHOLE[:place], outcomes[name == "cut off"], end)
        for name, end in (("closed", "hang_up"), ("cut off", "reset"))
        for point, place, outcomes in (
            ("before an answer", 0, (BROKE, BROKE)),
            ("after one letter", 1, (BROKE, BROKE)),
            ("within the status line", 11, (BROKE, BROKE)),
            ("after the status line", 17, (EMPTY, BROKE)),
            ("within a header", 30, (EMPTY, BROKE)),
            ("after the headers", len(HEAD), (CUT, CUT)),
            ("halfway through the body", len(HEAD) + LENGTH // 2, (CUT, CUT)),
            ("a byte before the end", len(WHOLE) - 1, (CUT, CUT)),
            ("after the answer", len(WHOLE), (READ, READ)),
        )
    ),
    Fault("closed: before a request", b"", BROKE, "early hang_up"),
    Fault("cut off: before a request", b"", BROKE, "early reset"),
    Fault(
        "early: an answer nobody asked for",
        response({}, "408 Request Timeout"),
        "APIStatusError: 408",
        "early hang_up",
    ),
    # slowness
    Fault("slow: silence", b"", LATE),
    Fault("slow: a status line in drops", b"", LATE, dripping=WHOLE),
    Fault("slow: headers in drops", b"HTTP/1.1 200 OK\r\n", LATE, dripping=b"x: y\r\n" * 50),
    Fault("slow: headers without end", b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20, LATE),
    Fault("slow: a body in drops", HEAD, LATE, dripping=BODY),
    Fault("slow: no body", HEAD, LATE),
    Fault("slow: chunks in drops", chunked(), LATE, dripping=b"1\r\n \r\n" * 50),
    Fault("slow: a chunk's size in drops", chunked(), LATE, dripping=b"0" * 200),
    Fault("slow: announcements for ever", b"", LATE, dripping=b"HTTP/1.1 100 Continue\r\n\r\n" * 10),
    Fault("slow: but in time", b"", READ, dripping=WHOLE, pause=0.0005),
    # announcements
    Fault("100: before the answer", b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE, READ),
    Fault("100: 50 before the answer", b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + WHOLE, READ),
    Fault("100: with headers", b"HTTP/1.1 100 Continue\r\nx: y\r\n\r\n" + WHOLE, READ),
    Fault("100: and silence", b"HTTP/1.1 100 Continue\r\n\r\n", LATE),
    Fault("100: and the end", b"HTTP/1.1 100 Continue\r\n\r\n", BROKE, ENDS),
    Fault("101: another protocol", with_status(b"HTTP/1.1 101 Switching Protocols"), NO_ANSWER, ENDS),
    Fault("102: before the answer", b"HTTP/1.1 102 Processing\r\n\r\n" + WHOLE, NO_ANSWER, ENDS),
    Fault("103: before the answer", b"HTTP/1.1 103 Early Hints\r\n\r\n" + WHOLE, NO_ANSWER, ENDS),
    # redirects
    *(
        Fault(
            f"redirect: {code}",
            response(READING, f"{code} Away", location="http://127.0.0.1:9/v1/credits"),
            AWAY,
        )
        for code in (300, 301, 302, 303, 305, 306, 307, 308)
    ),
    *(
        Fault(f"redirect: to {place or 'nothing'}", response(b"", "302 Found", location=place), AWAY)
        for place in (
            "",
            "/v1/credits",
            "file:///etc/passwd",
            "https://127.0.0.1:9",
            "//[",
            "http://\xff/",
            "x" * 9000,
        )
    ),
    Fault("redirect: without a place", response(b"", "302 Found"), AWAY),
    Fault("redirect: 4 MB", response(b" " * (4 << 20), "302 Found", location="/"), AWAY),
    Fault(
        "redirect: a body that packs 64 MB",
        response(gzip.compress(b" " * (64 << 20)), "302 Found", location="/", content_encoding="gzip"),
        AWAY,
    ),
    Fault(
        "redirect: 304",
        response(b"", "304 Not Modified"),
        "APIStatusError: didn't ask whether anything had changed",
    ),
    # answers without a body
    Fault("no body: 204", response(b"", "204 No Content"), EMPTY),
    Fault("no body: 204 with one", response(READING, "204 No Content"), CUT),
    Fault("no body: 205", response(b"", "205 Reset Content"), EMPTY),
    Fault("no body: a part", response(BODY[:50], "206 Partial Content"), NOT_JSON),
    # encodings
    *(
        Fault(f"encoding: {name}", encoded(encoding, body), outcome)
        for name, encoding, body, outcome in (
            ("gzip", b"gzip", GZIP, PACKED),
            ("GZIP", b"GZIP", GZIP, PACKED),
            ("x-gzip", b"x-gzip", GZIP, PACKED),
            ("deflate", b"deflate", zlib.compress(BODY), PACKED),
            ("br", b"br", b"\x0b\x02\x80", PACKED),
            ("zstd", b"zstd", b"\x28\xb5\x2f\xfd", PACKED),
            ("compress", b"compress", b"\x1f\x9d", PACKED),
            ("two", b"gzip, gzip", gzip.compress(GZIP), PACKED),
            ("one nobody knows", b"rot13", BODY, PACKED),
            ("gzip, and isn't", b"gzip", BODY, PACKED),
            ("gzip of 64 MB", b"gzip", gzip.compress(b" " * (64 << 20)), PACKED),
            ("identity", b"identity", BODY, READ),
            ("Identity", b" Identity ", BODY, READ),
            ("none named", b"", BODY, READ),
        )
    ),
    Fault("encoding: gzip, and not said", with_head(b"content-length: %d" % len(GZIP), body=GZIP), NOT_JSON),
    # sizes
    Fault("size: 1 MiB", response(BODY + b" " * (MAX_BODY - LENGTH)), READ),
    Fault("size: a byte more", response(BODY + b" " * (MAX_BODY - LENGTH + 1)), LARGE),
    Fault("size: 8 MB in chunks", chunked(chunk(BODY + b" " * (8 << 20)), LAST), LARGE),
    Fault("size: 8 MB without a length", with_head(body=BODY + b" " * (8 << 20)), LARGE, ENDS),
    # what follows an answer
    Fault("after it: bytes", WHOLE + b"garbage", READ),
    Fault("after it: another answer", WHOLE + response(OTHER), READ),
    Fault("after it: another answer, then the end", WHOLE + response(OTHER), READ, ENDS),
    Fault("after it: an announced end", with_head(b"connection: close", SIZED), READ, ENDS),
    Fault("after it: an announced end that doesn't come", with_head(b"connection: close", SIZED), READ),
]


def outcome_of(server: FailingServer, fault: Fault) -> Credits | EvoLinkError:
    """What a read comes to that is not repeated, and one after it."""
    timeout = TIMEOUT if fault.outcome == LATE else SLACK
    with server.client(timeout, Timing(retry_delays=())) as client:
        began = time.monotonic()
        try:
            outcome: Credits | EvoLinkError = client.get_credits()
        except EvoLinkError as error:
            outcome = error
        assert time.monotonic() - began < timeout + SLACK
        client.timeout = SLACK
        if fault.end != "stays":
            # A request on a connection that the server is just closing is another fault.
            server.wait_until_all_closed()
        # Not from what was left over.
        assert str(client.get_credits().spendable) == "1095.3996"
    return outcome


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_told_for_what_it_is(fault: Fault) -> None:
    with FailingServer(fault.reply, GOOD) as server:
        outcome = outcome_of(server, fault)
        server.wait_until_all_closed()
    if isinstance(outcome, Credits):
        assert fault.outcome == READ
        assert str(outcome.spendable) == "1095.3996"
    else:
        kind, _, words = fault.outcome.partition(": ")
        assert type(outcome).__name__ == kind, outcome
        assert words in str(outcome)
        assert KEY not in f"{outcome} {vars(outcome)}"
