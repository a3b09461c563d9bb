"""What is written reads back exactly; mounts, places and spans are read as they are meant."""

from __future__ import annotations

import contextlib
import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.credits import Credits, TokenCredits, UserCredits
from evolink_nb.errors import ConfigurationError
from evolink_nb.history.reports.spans import Span, parse_length, parts
from evolink_nb.history.storage import filesystems
from evolink_nb.history.storage.buffer import Buffer
from evolink_nb.history.storage.location import Kind, find_location
from evolink_nb.history.storage.migrating import MIGRATIONS
from evolink_nb.history.tables.amounts import LIMIT, pack, unpack
from evolink_nb.history.tables.records import ReadingRecord, milliseconds
from evolink_nb.history.tables.rows import cost_of_row, cost_row, point_of, reading_row
from evolink_nb.history.tables.schema import VERSION
from evolink_nb.history.tables.selection import Point
from tests.support.histories import cost, reading, source

usual = st.decimals(-(10**10), 10**10, places=4)
moments = st.integers(978_307_200_000, 2_208_988_800_000).map(
    lambda at: datetime.fromtimestamp(at // 1000, UTC) + timedelta(milliseconds=at % 1000)
)
# All that a reading may hold: sentinels of 30 digits, and the dust of a gateway that computes in doubles.
any_amount = usual | st.decimals(-(10**30), 10**30, allow_nan=False) | st.floats(-1e6, 1e6).map(Decimal)


@given(st.lists(any_amount | st.none(), max_size=5))
def test_amounts_read_back_exactly(amounts: list[Decimal | None]) -> None:
    packed = pack(amounts)
    assert unpack(packed) == tuple(amounts)
    assert all(each is None or abs(each) <= LIMIT for each in packed.integers)


@given(st.lists(usual | st.none(), max_size=5))
def test_usual_amounts_need_no_text(amounts: list[Decimal | None]) -> None:
    packed = pack(amounts)
    assert (packed.scale, packed.exact) == (4, None)


@given(
    st.tuples(any_amount, any_amount, any_amount, any_amount),
    st.booleans(),
    moments,
)
def test_readings_read_back_exactly(
    amounts: tuple[Decimal, Decimal, Decimal, Decimal], unlimited: bool, at: datetime
) -> None:
    credits = Credits(TokenCredits(*amounts[:2], unlimited), UserCredits(*amounts[2:]), read_at=at)
    assert point_of(reading_row(1, Point(milliseconds(at), credits))) == Point(milliseconds(at), credits)


@given(any_amount | st.none(), any_amount | st.none(), st.integers(0, 10**9), st.text(max_size=20))
def test_costs_read_back_exactly(
    token: Decimal | None, together: Decimal | None, spent_ms: int, name: str
) -> None:
    label = "cells 8 to 12" if together is not None else ""
    record = cost(
        token, name=name, seconds=spent_ms / 1000, together=together, together_label=label, source=None
    )
    assert cost_of_row(cost_row(record, None)) == record


MOUNTS = r"""22 27 0:21 / /proc rw,nosuid - proc proc rw
27 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
40 27 0:35 / /home rw,relatime shared:2 - nfs4 server:/export rw,vers=4.2
41 40 0:36 / /home/me/local\040disk rw - xfs /dev/vdb rw
42 27 0:37 / /mnt/bucket rw - fuse.s3fs s3fs rw
43 27 0:38 / /layer rw - fuse.fuse-overlayfs fuse-overlayfs rw
a line that is none
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/.local/share/evolink_nb", "nfs4"),
        ("/home/me/local disk/data", ""),
        ("/mnt/bucket/x", "fuse.s3fs"),
        ("/layer/x", ""),
        ("/homeless", ""),
    ],
)
def test_mount_types_are_read(path: str, kind: str) -> None:
    found = filesystems.type_at(PurePosixPath(path), filesystems.parse_mounts(MOUNTS))
    assert (found if filesystems.is_network_type(found) else "") == kind


@given(st.text())
def test_any_list_of_mounts_is_read(text: str) -> None:
    mounts = filesystems.parse_mounts(text)
    assert isinstance(filesystems.type_at(PurePosixPath("/a/b"), mounts), str)


def test_no_list_of_mounts_is_local(tmp_path: Path) -> None:
    assert filesystems.network_type(tmp_path, tmp_path / "none") == ""


@pytest.mark.parametrize(
    ("setting", "kind", "shown"),
    [
        ("off", Kind.OFF, "nowhere"),
        ("/data/h.db", Kind.FILE, "/data/h.db"),
        ("sqlite:////data/h.db", Kind.FILE, "/data/h.db"),
        ("sqlite://", Kind.MEMORY, "this process's memory"),
        ("postgresql://me:pw@db/credits?sslmode=require", Kind.SERVER, "postgresql://db/credits"),
    ],
)
def test_settings_name_places(setting: str, kind: Kind, shown: str) -> None:
    location = find_location(setting)
    assert (location.kind, location.shown) == (kind, shown)
    assert "pw" not in repr(location)
    assert location.keeps_simulated == (kind is not Kind.OFF)


def test_a_wrong_place_is_not_quoted() -> None:
    with pytest.raises(ConfigurationError) as refused:
        find_location("mysql://me:s3cret@db/credits")
    assert "s3cret" not in str(refused.value)


def test_version_is_the_last_migration() -> None:
    names = sorted(path.name for path in (MIGRATIONS / "versions").glob("*.py"))
    assert names[-1].startswith(f"{VERSION}_")


@pytest.mark.parametrize(("text", "hours"), [("24h", 24), ("7d", 168), ("2 weeks", 336), ("90min", 1.5)])
def test_lengths_are_parsed(text: str, hours: float) -> None:
    assert parse_length(text) == timedelta(hours=hours)


@given(st.text(max_size=12))
def test_any_length_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        assert parse_length(text) > timedelta()


@given(
    moments,
    st.timedeltas(timedelta(minutes=1), timedelta(days=800)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"]),
)
def test_parts_cover_their_span(start: datetime, length: timedelta, name: str) -> None:
    zone = ZoneInfo(name)
    found = parts(Span(start, start + length), None, zone)
    assert found[0].start <= start
    assert found[-1].end == start + length
    assert all(before.end == after.start for before, after in itertools.pairwise(found))
    assert len(found) <= 130


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 5)), max_size=200))
def test_buffer_drops_no_cost(entries: list[tuple[bool, int]]) -> None:
    buffer = Buffer(most=20)
    numbers = set()
    for is_cost, number in entries:
        if is_cost:
            buffer.add_cost(cost(1, number=number))
            numbers.add(number)
        else:
            buffer.add_reading(ReadingRecord(source(), reading(number, number)))
    batch = buffer.take(10_000)
    buffer.put_back(batch)
    again = buffer.take(10_000)
    assert {each.number for each in again.costs} == numbers
    assert again.readings == batch.readings
    assert len(again.readings) <= 20
