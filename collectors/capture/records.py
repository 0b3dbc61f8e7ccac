"""Records of a pcap stream: where they are in what was read, and the packets that are made of them
where somebody wants packets. The flow table reads their headers where they lie."""

from __future__ import annotations

from struct import Struct

from collectors.capture.header_row import HeaderRow
from collectors.packet import Packet

_LITTLE, _BIG = Struct("<IIII"), Struct(">IIII")
# Of records: big-endian or not, nanoseconds of a fraction, bytes of a header, the largest record
Layout = tuple[bool, int, int, int]


def captured_size(data: bytes, layout: Layout) -> int:
    """Of the record that begins with these bytes."""
    size: int = (_BIG if layout[0] else _LITTLE).unpack_from(data)[2]
    return size


def plain_whole(data: bytes, position: int, layout: Layout) -> tuple[int, int, int]:
    """Of the whole records from `position` on: where they end, and how many they are. The third is
    the size that the next one claims, if it is too large, or 0."""
    big, _, head, largest = layout
    unpack = (_BIG if big else _LITTLE).unpack_from
    last, count = len(data) - head, 0
    while position <= last:
        captured = unpack(data, position)[2]
        if captured > largest:
            return position, count, captured
        end = position + head + captured
        if end > len(data):
            break
        position = end
        count += 1
    return position, count, 0


def plain_cut(data: bytes, position: int, layout: Layout, count: int) -> list[Packet]:
    """The packets of so many records, which are known to be whole."""
    big, fraction, head, _ = layout
    unpack = (_BIG if big else _LITTLE).unpack_from
    make, found = tuple.__new__, []  # of what Packet(…) does, the part that is needed
    for _ in range(count):
        seconds, rest, captured, length = unpack(data, position)
        end = position + head + captured
        ns = seconds * 1_000_000_000 + rest * fraction
        found.append(make(Packet, (ns, data[position + head : end], length)))
        position = end
    return found


def plain_next_record(row: HeaderRow, position: int, layout: Layout) -> int:
    """The row holds the packet of the record at `position` of its data, which is known to be whole;
    where the next one begins."""
    big, fraction, head, _ = layout
    seconds, rest, captured, row.wire = (_BIG if big else _LITTLE).unpack_from(row.data, position)
    row.ns = seconds * 1_000_000_000 + rest * fraction
    row.begin = position + head
    row.end = row.begin + captured
    return row.end


try:
    from collectors.capture.fast_headers import (
        cut as cut,
        next_record as next_record,
        whole as whole,
    )
except ImportError:  # it was not built
    cut, next_record, whole = plain_cut, plain_next_record, plain_whole


class Records:
    """`count` whole records of `data`, from `start` on."""

    __slots__ = ("count", "data", "layout", "start")

    def __init__(self, data: bytes, start: int, layout: Layout, count: int) -> None:
        self.data, self.start, self.layout, self.count = data, start, layout, count

    def __len__(self) -> int:
        return self.count

    def packets(self) -> list[Packet]:
        return cut(self.data, self.start, self.layout, self.count)


Raw = Records | list[Packet]  # packets of one link type, in the order of the capture
RawChunk = tuple[int, Raw]  # link type


def packets_of(found: Raw) -> list[Packet]:
    return found.packets() if isinstance(found, Records) else found
