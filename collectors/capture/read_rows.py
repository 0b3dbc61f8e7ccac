"""The header rows of many packets at once, without an object for each packet."""

from __future__ import annotations

from collectors.capture.header_row import HeaderRow
from collectors.capture.header_rows import other_headers, read_headers
from collectors.capture.records import Raw, Records, next_record


def read_rows(linktype: int, found: Raw) -> list[HeaderRow | None]:
    """A row for each packet, None where it is neither TCP nor UDP."""
    rows: list[HeaderRow | None] = []
    if not isinstance(found, Records):
        for packet in found:
            row = HeaderRow.__new__(HeaderRow)
            row.hold(packet.ns, packet.data, packet.length)
            rows.append(_read(linktype, row))
        return rows
    data, position, layout = found.data, found.start, found.layout
    for _ in range(found.count):
        row = HeaderRow.__new__(HeaderRow)
        row.data = data
        position = next_record(row, position, layout)
        rows.append(_read(linktype, row))
    return rows


def _read(linktype: int, row: HeaderRow) -> HeaderRow | None:
    if read_headers(row, linktype):
        return row
    other = other_headers(linktype, row.packet(), row.wire)
    if other is not None:
        other.ns = row.ns
    return other
