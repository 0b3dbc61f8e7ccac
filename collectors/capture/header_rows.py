"""A packet's row of headers, fast.

The common cases (no tunnel but plain VXLAN, no IP option, no fragment) are read with two `struct`
calls; all others by the dissector, and both give the same row (a test compares them on any
bytes).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address

from collectors.capture.dissect import dissect
from collectors.capture.header_row import HeaderRow as HeaderRow, plain_flow_key
from collectors.capture.layers import TCP, UDP
from collectors.capture.links import ETHERNET, LINUX_SLL, LINUX_SLL2, RAW_TYPES
from collectors.capture.tunnels import TUNNEL_PORTS, VXLAN_PORTS

Reader = Callable[[bytes, int], HeaderRow | None]

_IPV4, _IPV6 = b"\x08\0", b"\x86\xdd"
_NEVER_IP = (b"\x08\x06", b"\x88\xcc")  # ARP, LLDP
_VXLAN = b"\x08\0\0\0"  # the VNI is valid, nothing else is set
_IP4 = struct.Struct("!BxHHHxB2x4s4s").unpack_from
_IP6 = struct.Struct("!IHBx16s16s").unpack_from
_TCP = struct.Struct("!HHIIHH").unpack_from  # to the window
_UDP = struct.Struct("!HHH2x").unpack_from


def plain_headers(linktype: int, data: bytes, length: int) -> HeaderRow | None:
    """The row of a packet that is plain and whole; None of all others."""
    if linktype == ETHERNET:
        return _by_type(data, (12, 14, 0), length)
    if linktype == LINUX_SLL2:
        return _of_any(_by_type(data, (0, 20, int.from_bytes(data[4:8], "big")), length))
    if linktype == LINUX_SLL:
        return _of_any(_by_type(data, (14, 16, 0), length))
    if linktype in RAW_TYPES and data:
        return _of_version(data, length)
    return None


def _by_type(data: bytes, place: tuple[int, int, int], length: int) -> HeaderRow | None:
    """`place` is where the Ethernet type and IP begin, and the interface."""
    type_at, start, interface = place
    kind = data[type_at : type_at + 2]
    if kind == _IPV4:
        return _ipv4(data, start, length, interface)
    return _ipv6(data, start, length, interface) if kind == _IPV6 else None


def _of_any(row: HeaderRow | None) -> HeaderRow | None:
    """A capture of all interfaces sees a packet in its tunnel and out of it: as one flow."""
    if row is not None:
        row.network = 0
    return row


def _of_version(data: bytes, length: int) -> HeaderRow | None:
    version = data[0] >> 4
    if version == 4:
        return _ipv4(data, 0, length, 0)
    return _ipv6(data, 0, length, 0) if version == 6 else None


def _ipv4(data: bytes, start: int, length: int, interface: int) -> HeaderRow | None:
    """TCP or UDP over IPv4 without options at `start`."""
    try:
        first, total, ident, fragment, protocol, source, destination = _IP4(data, start)
        if first != 0x45 or fragment & 0x3FFF or protocol not in (TCP, UDP):
            return None
        row = HeaderRow(protocol, source, destination)
        row.identification, row.interface, row.offset = ident, interface, start + 20
        if protocol == TCP:
            return _tcp(row, data, total - 20, length)
        return _udp(row, data, total - 20) or _vxlan(row, data, length)
    except struct.error:
        return None


def _ipv6(data: bytes, start: int, length: int, interface: int) -> HeaderRow | None:
    """TCP or UDP over IPv6 without extension headers."""
    try:
        first, total, protocol, source, destination = _IP6(data, start)
        if first >> 28 != 6 or protocol not in (TCP, UDP):
            return None
        row = HeaderRow(protocol, source, destination)
        row.interface, row.offset = interface, start + 40
        return _tcp(row, data, total, length) if protocol == TCP else _udp(row, data, total)
    except struct.error:
        return None


def _tcp(row: HeaderRow, data: bytes, size: int, length: int) -> HeaderRow | None:
    """`size` is of header and payload, as IP says."""
    start = row.offset
    row.source_port, row.destination_port, seq, ack, bits, window = _TCP(data, start)
    header = bits >> 10 & 0x3C
    if header < 20 or size < header or start + header > len(data) or start + size > length:
        return None
    row.sequence, row.acknowledgment = seq, ack
    row.flags, row.window, row.length = bits & 0x1FF, window, size - header
    return row


def _udp(row: HeaderRow, data: bytes, size: int) -> HeaderRow | None:
    row.source_port, row.destination_port, datagram = _UDP(data, row.offset)
    row.length = datagram - 8
    tunnel = row.destination_port in TUNNEL_PORTS
    return None if tunnel or datagram < 8 or size < 8 else row


def _vxlan(outer: HeaderRow, data: bytes, length: int) -> HeaderRow | None:
    """What a plain VXLAN datagram carries."""
    udp = outer.offset
    start = udp + 16
    if outer.destination_port not in VXLAN_PORTS or len(data) < start + 42 or data[start - 1]:
        return None
    if data[udp + 8 : udp + 12] != _VXLAN or data[start + 12 : start + 15] != b"\x08\0\x45":
        return None
    end = udp + outer.length + 8
    if outer.length + 8 != _word(data, udp - 18) - 20 or end > length:
        return None
    if start + 14 + _word(data, start + 16) > end:
        return None  # lengths that contradict each other
    row = _ipv4(data, start + 14, length, outer.interface)
    if row is None or row.network:
        return None
    row.network = int.from_bytes(data[start - 4 : start - 1], "big") + 1
    return row


def _word(data: bytes, offset: int) -> int:
    return data[offset] << 8 | data[offset + 1]


try:
    from collectors.capture.fast_headers import flow_key as flow_key, headers as headers
except ImportError:  # it was not built
    flow_key, headers = plain_flow_key, plain_headers


def reader(linktype: int) -> Reader:
    """What reads the rows of a link type: (captured bytes, length on the wire) to a row, or None
    where a packet is neither TCP nor UDP."""
    return partial(read, linktype)


def read(linktype: int, data: bytes, length: int) -> HeaderRow | None:
    """The row of a packet, None where it is neither TCP nor UDP."""
    return headers(linktype, data, length) or other_headers(linktype, data, length)


def other_headers(linktype: int, data: bytes, length: int) -> HeaderRow | None:
    """The row of a packet that is not plain."""
    if linktype == ETHERNET and data[12:14] in _NEVER_IP:
        return None
    return slow(linktype, data, length)


def slow(linktype: int, data: bytes, length: int) -> HeaderRow | None:
    """Any packet, by the dissector; None where it is neither whole TCP nor UDP."""
    frame = dissect(linktype, data, length)
    if frame.ip is None or (frame.problem and not frame.problem.startswith("cut short")):
        return None
    transport = frame.tcp or frame.udp
    if transport is None:
        return None
    protocol = TCP if frame.tcp is not None else UDP
    ends = ip_address(frame.ip.source).packed, ip_address(frame.ip.destination).packed
    row = HeaderRow(protocol, *ends)
    row.source_port, row.destination_port = transport.source_port, transport.destination_port
    if frame.tcp is not None:
        row.sequence, row.acknowledgment = frame.tcp.sequence, frame.tcp.acknowledgment
        row.flags, row.window, row.length = frame.tcp.flags, frame.tcp.window, frame.tcp.length
    else:
        row.length = max(transport.length - 8, 0)
    row.offset, row.identification = frame.transport, frame.ip.identification or 0
    row.interface, row.network = frame.interface, frame.network
    return row
