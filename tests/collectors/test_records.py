"""Records of a pcap stream: cut where somebody wants packets, else read where they lie."""

from __future__ import annotations

import pytest

from collectors.capture.header_row import HeaderRow
from collectors.capture.pcap import PcapReader, packed_header, packed_packets
from collectors.capture.read_rows import read_rows
from collectors.capture.records import (
    Records,
    cut,
    next_record,
    plain_cut,
    plain_next_record,
    plain_whole,
    whole,
)
from collectors.packet import Packet

LAYOUT = (False, 1, 16, 1_000)
PACKETS = [Packet(10**18 + n, bytes([n]) * (7 * n), 7 * n + n % 3) for n in range(20)]
RAW = packed_packets(PACKETS)


@pytest.mark.parametrize("size", [1, 15, 16, 17, 100, 1_000, 10_000])
def test_pieces_of_any_size_give_the_same_packets(size: int) -> None:
    """A record of which two pieces have a part is put together alone."""
    data = packed_header(1) + RAW
    reader, found = PcapReader(), list[Records]()
    for start in range(0, len(data), size):
        found += reader.records(data[start : start + size])
    assert [packet for records in found for packet in records.packets()] == PACKETS
    assert sum(map(len, found)) == len(PACKETS) and not reader.waiting


@pytest.mark.parametrize("cut_off", range(0, len(RAW), 5))
def test_whole_records_and_where_they_end(cut_off: int) -> None:
    data = RAW[: len(RAW) - cut_off]
    found = whole(data, 0, LAYOUT)
    assert found == plain_whole(data, 0, LAYOUT)
    assert cut(data, 0, LAYOUT, found[1]) == PACKETS[: found[1]]
    assert plain_cut(data, 0, LAYOUT, found[1]) == PACKETS[: found[1]]


def test_a_record_that_claims_too_much_is_said_at_once() -> None:
    data = packed_packets([PACKETS[1], Packet(1, bytes(1_001), 1_001)])
    assert whole(data, 0, LAYOUT) == plain_whole(data, 0, LAYOUT) == (16 + 7, 1, 1_001)


def test_a_row_holds_one_record_after_another() -> None:
    for step in (next_record, plain_next_record):
        row, position = HeaderRow(0, b"", b""), 0
        row.data = RAW
        for packet in PACKETS:
            position = step(row, position, LAYOUT)
            assert (row.ns, row.packet(), row.wire) == packet
        assert position == len(RAW)


@pytest.mark.skipif(next_record is plain_next_record, reason="no compiled core")
@pytest.mark.parametrize("position", [-1, len(RAW) - 15, len(RAW), len(RAW) + 1, 1 << 60])
def test_nothing_outside_of_the_bytes_is_read(position: int) -> None:
    row = HeaderRow(0, b"", b"")
    row.data = RAW
    with pytest.raises(ValueError, match=r"place of a record|not whole"):
        next_record(row, position, LAYOUT)
    row.data = RAW[:-1]
    last = len(RAW) - 16 - len(PACKETS[-1].data)
    with pytest.raises(ValueError, match="not whole"):
        next_record(row, last, LAYOUT)
    with pytest.raises(ValueError, match=r"place of a record|not whole"):
        cut(RAW, 0, LAYOUT, len(PACKETS) + 1)


def test_rows_of_records_are_those_of_their_packets() -> None:
    records = Records(RAW, 0, LAYOUT, len(PACKETS))
    assert read_rows(1, records) == read_rows(1, PACKETS) == [None] * len(PACKETS)
