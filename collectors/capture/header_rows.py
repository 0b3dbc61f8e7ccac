"""A packet's row of headers, fast.

The common cases (no tunnel but plain VXLAN, no IP option, no fragment) are read with two `struct`
calls; all others by the dissector, and both give the same row (a test compares them on any
bytes).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial

from collectors.capture.header_row import HeaderRow as HeaderRow, plain_exchange_key, plain_flow_key
from collectors.capture.header_values import (
    ETHERNET,
    LINUX_SLL,
    LINUX_SLL2,
    RAW_TYPES,
    TCP,
    TUNNEL_PORTS,
    UDP,
    VXLAN_PORTS,
)

Reader = Callable[[bytes, int], HeaderRow | None]

_IPV4, _IPV6 = b"\x08\0", b"\x86\xdd"
_VXLAN = b"\x08\0\0\0"  # the VNI is valid, nothing else is set
_IP4 = struct.Struct("!BxHHHxB2x4s4s").unpack_from
_IP6 = struct.Struct("!IHBx16s16s").unpack_from
_TCP = struct.Struct("!HHIIHH").unpack_from  # to the window
_UDP = struct.Struct("!HHH2x").unpack_from
IPV4_UDP, IPV6_UDP = 28, 48  # bytes of both headers, without options
SMALLEST_TCP = 20


def plain_headers(row: HeaderRow, linktype: int) -> bool:
    """Reads the headers of the packet that a row holds: whether it is plain and whole. What is read
    of others means nothing."""
    data, start = row.data, row.begin
    row.network = row.identification = row.interface = 0
    if linktype == ETHERNET:
        return _by_type(row, start + 12, start + 14)
    if linktype == LINUX_SLL2:
        row.interface = int.from_bytes(data[start + 4 : start + 8], "big")
        return _of_any(row, _by_type(row, start, start + 20))
    if linktype == LINUX_SLL:
        return _of_any(row, _by_type(row, start + 14, start + 16))
    if linktype in RAW_TYPES and row.end > start:
        version = data[start] >> 4
        return _ipv4(row, start) if version == 4 else version == 6 and _ipv6(row, start)
    return False


def _by_type(row: HeaderRow, type_at: int, start: int) -> bool:
    """The Ethernet type is at `type_at`, IP begins at `start`."""
    kind = row.data[type_at : type_at + 2]
    return _ipv4(row, start) if kind == _IPV4 else kind == _IPV6 and _ipv6(row, start)


def _of_any(row: HeaderRow, plain: bool) -> bool:
    """A capture of all interfaces sees a packet in its tunnel and out of it: as one flow."""
    row.network = 0
    return plain


def _ipv4(row: HeaderRow, start: int) -> bool:
    """TCP or UDP over IPv4 without options at `start`."""
    if start + IPV4_UDP > row.end:
        return False
    first, total, ident, fragment, protocol, source, destination = _IP4(row.data, start)
    if first != 0x45 or fragment & 0x3FFF or protocol not in (TCP, UDP):
        return False
    row.protocol, row.source, row.destination = protocol, source, destination
    row.identification, row.offset = ident, start + 20
    if protocol == TCP:
        return _tcp(row, total - 20)
    return _udp(row, total - 20) or _vxlan(row)


def _ipv6(row: HeaderRow, start: int) -> bool:
    """TCP or UDP over IPv6 without extension headers."""
    if start + IPV6_UDP > row.end:
        return False
    first, total, protocol, row.source, row.destination = _IP6(row.data, start)
    if first >> 28 != 6 or protocol not in (TCP, UDP):
        return False
    row.protocol, row.offset = protocol, start + 40
    return _tcp(row, total) if protocol == TCP else _udp(row, total)


def _tcp(row: HeaderRow, size: int) -> bool:
    """`size` is of header and payload, as IP says."""
    start = row.offset
    if start + SMALLEST_TCP > row.end:
        return False
    row.source_port, row.destination_port, seq, ack, bits, window = _TCP(row.data, start)
    header = bits >> 10 & 0x3C
    if header < SMALLEST_TCP or size < header or start + header > row.end:
        return False
    if start - row.begin + size > row.wire:
        return False
    row.sequence, row.acknowledgment = seq, ack
    row.flags, row.window, row.length = bits & 0x1FF, window, size - header
    return True


def _udp(row: HeaderRow, size: int) -> bool:
    row.source_port, row.destination_port, datagram = _UDP(row.data, row.offset)
    row.sequence = row.acknowledgment = row.flags = row.window = 0
    row.length = datagram - 8
    return row.destination_port not in TUNNEL_PORTS and datagram >= 8 and size >= 8


def _vxlan(row: HeaderRow) -> bool:
    """What a plain VXLAN datagram carries; the row has the outer headers."""
    data, udp = row.data, row.offset
    start = udp + 16
    if row.destination_port not in VXLAN_PORTS or row.end < start + 42 or data[start - 1]:
        return False
    if data[udp + 8 : udp + 12] != _VXLAN or data[start + 12 : start + 15] != b"\x08\0\x45":
        return False
    end = udp + row.length + 8
    if row.length + 8 != _word(data, udp - 18) - 20 or end - row.begin > row.wire:
        return False
    if start + 14 + _word(data, start + 16) > end:
        return False  # lengths that contradict each other
    if not _ipv4(row, start + 14) or row.network:
        return False
    row.network = int.from_bytes(data[start - 4 : start - 1], "big") + 1
    return True


def _word(data: bytes, offset: int) -> int:
    return data[offset] << 8 | data[offset + 1]


try:
    from collectors.capture.fast_headers import (
        exchange_key as exchange_key,
        flow_key as flow_key,
        read_headers as read_headers,
    )
except ImportError:  # it was not built
    exchange_key, flow_key, read_headers = plain_exchange_key, plain_flow_key, plain_headers


def reader(linktype: int) -> Reader:
    """What reads the rows of a link type: (captured bytes, length on the wire) to a row, or None
    where a packet is neither TCP nor UDP."""
    return partial(read, linktype)


def read(linktype: int, data: bytes, length: int) -> HeaderRow | None:
    """The row of a packet, None where it is neither TCP nor UDP."""
    row = HeaderRow(0, b"", b"")
    row.hold(0, data, length)
    return row if read_headers(row, linktype) else other_headers(linktype, data, length)


def other_headers(linktype: int, data: bytes, length: int) -> HeaderRow | None:
    """The row of a packet that is not plain."""
    from collectors.capture.unusual_packets import unusual  # with the dissector, which few need

    found = unusual(linktype, data, length)
    return found if isinstance(found, HeaderRow) else None
