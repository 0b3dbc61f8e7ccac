"""The headers of a packet as one flat row, fast: what the flow table needs of every packet.

The common cases (no tunnel but plain VXLAN, no IP option, no fragment) are read with one `struct`
call each; all others by the dissector, and both give the same row (a test compares them on any
bytes).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from typing import NamedTuple

from collectors.capture.dissect import dissect
from collectors.capture.layers import TCP, UDP, Frame
from collectors.capture.links import ETHERNET, LINUX_SLL, LINUX_SLL2, RAW_TYPES
from collectors.capture.tunnels import TUNNEL_PORTS, VXLAN_PORTS


class HeaderRow(NamedTuple):
    """Addresses are 4 or 16 bytes. Of UDP, sequence to window are 0. `length` is the payload's on
    the wire, `offset` that of the transport header, `network` is made of VNI and VLAN (0: none).
    Readers return plain tuples of this shape: to make this class costs three times as much."""

    protocol: int
    source: bytes
    destination: bytes
    source_port: int
    destination_port: int
    sequence: int
    acknowledgment: int
    flags: int
    window: int
    length: int
    offset: int
    identification: int
    interface: int
    network: int


Row = tuple[int, bytes, bytes, int, int, int, int, int, int, int, int, int, int, int]
Reader = Callable[[bytes, int], Row | None]

_IPV4, _IPV6 = b"\x08\0", b"\x86\xdd"
_NEVER_IP = (b"\x08\x06", b"\x88\xcc")  # ARP, LLDP
_VXLAN = b"\x08\0\0\0"  # the VNI is valid, nothing else is set
_TCP4 = struct.Struct("!BxHHHxB2x4s4sHHIIHH").unpack_from  # IPv4 without options, TCP to its window
_UDP4 = struct.Struct("!BxHHHxB2x4s4sHHH").unpack_from
_TCP6 = struct.Struct("!IHBx16s16sHHIIHH").unpack_from


def reader(linktype: int) -> Reader:
    """What reads the rows of a link type: (captured bytes, length on the wire) to a row, or None
    where a packet is neither TCP nor UDP."""
    if linktype == ETHERNET:
        return _ethernet
    if linktype == LINUX_SLL:
        return _cooked
    if linktype == LINUX_SLL2:
        return _cooked2
    return partial(_raw, linktype) if linktype in RAW_TYPES else partial(slow, linktype)


def _ethernet(data: bytes, length: int) -> Row | None:
    kind = data[12:14]
    if kind == _IPV4:
        return _ipv4(data, 14, length, 0) or slow(ETHERNET, data, length)
    if kind == _IPV6:
        return _ipv6(data, 14, length, 0) or slow(ETHERNET, data, length)
    return None if kind in _NEVER_IP else slow(ETHERNET, data, length)


def _cooked(data: bytes, length: int) -> Row | None:
    kind = data[14:16]
    if kind == _IPV4:
        return _on_any(_ipv4(data, 16, length, 0)) or slow(LINUX_SLL, data, length)
    if kind == _IPV6:
        return _ipv6(data, 16, length, 0) or slow(LINUX_SLL, data, length)
    return None if kind in _NEVER_IP else slow(LINUX_SLL, data, length)


def _cooked2(data: bytes, length: int) -> Row | None:
    kind, interface = data[:2], int.from_bytes(data[4:8], "big")
    if kind == _IPV4:
        return _on_any(_ipv4(data, 20, length, interface)) or slow(LINUX_SLL2, data, length)
    if kind == _IPV6:
        return _ipv6(data, 20, length, interface) or slow(LINUX_SLL2, data, length)
    return None if kind in _NEVER_IP else slow(LINUX_SLL2, data, length)


def _on_any(row: Row | None) -> Row | None:
    """A capture of all interfaces sees a packet in its tunnel and out of it: as one flow."""
    return (*row[:13], 0) if row is not None and row[13] else row


def _raw(linktype: int, data: bytes, length: int) -> Row | None:
    first = data[0] >> 4 if data else 0
    row = None
    if first == 4:
        row = _ipv4(data, 0, length, 0)
    elif first == 6:
        row = _ipv6(data, 0, length, 0)
    return row or slow(linktype, data, length)


def _ipv4(data: bytes, start: int, length: int, interface: int) -> Row | None:
    """TCP or UDP over IPv4 at `start`, where all of it is plain and whole."""
    try:
        (first, total, ident, fragment, protocol, source, destination, sport, dport,
         seq, ack, bits, window) = _TCP4(data, start)  # fmt: skip
    except struct.error:
        return _short_udp(data, start, interface)
    if first != 0x45 or fragment & 0x3FFF:
        return None
    if protocol == TCP:
        header = bits >> 10 & 0x3C
        body = total - 20 - header
        if header < 20 or body < 0 or start + 20 + header > len(data) or start + total > length:
            return None
        return (TCP, source, destination, sport, dport, seq, ack, bits & 0x1FF, window,
                body, start + 20, ident, interface, 0)  # fmt: skip
    if protocol != UDP:
        return None
    if dport in TUNNEL_PORTS:
        return _vxlan(data, start + 20, length, interface) if dport in VXLAN_PORTS else None
    size = seq >> 16
    if size < 8 or total < 28:
        return None
    return (UDP, source, destination, sport, dport, 0, 0, 0, 0,
            size - 8, start + 20, ident, interface, 0)  # fmt: skip


def _short_udp(data: bytes, start: int, interface: int) -> Row | None:
    """Too short for the headers of TCP: it may be UDP, in no tunnel."""
    if len(data) < start + 28:
        return None
    first, total, ident, fragment, protocol, source, destination, sport, dport, size = _UDP4(
        data, start
    )
    if first != 0x45 or fragment & 0x3FFF or protocol != UDP or dport in TUNNEL_PORTS:
        return None
    if size < 8 or total < 28:
        return None
    return (UDP, source, destination, sport, dport, 0, 0, 0, 0,
            size - 8, start + 20, ident, interface, 0)  # fmt: skip


def _word(data: bytes, offset: int) -> int:
    return data[offset] << 8 | data[offset + 1]


def _vxlan(data: bytes, udp: int, length: int, interface: int) -> Row | None:
    """What a plain VXLAN datagram carries; `udp` is the offset of its UDP header."""
    start = udp + 16
    if data[udp + 8 : udp + 12] != _VXLAN or data[start + 12 : start + 15] != b"\x08\0\x45":
        return None
    if len(data) < start + 42 or data[start - 1]:
        return None
    outer, size = _word(data, udp - 18), _word(data, udp + 4)
    if size != outer - 20 or start + 14 + _word(data, start + 16) > udp + size:
        return None  # lengths that contradict each other
    if udp + size > length:
        return None
    row = _ipv4(data, start + 14, length, interface)
    if row is None or row[13]:
        return None
    vni = int.from_bytes(data[start - 4 : start - 1], "big")
    return (*row[:13], vni + 1)


def _ipv6(data: bytes, start: int, length: int, interface: int) -> Row | None:
    """TCP or UDP over IPv6 without extension headers, where all of it is whole."""
    try:
        (first, total, protocol, source, destination, sport, dport,
         seq, ack, bits, window) = _TCP6(data, start)  # fmt: skip
    except struct.error:
        return None
    if first >> 28 != 6:
        return None
    if protocol == UDP:
        size = seq >> 16
        if dport in TUNNEL_PORTS or size < 8 or total < 8:
            return None
        return (UDP, source, destination, sport, dport, 0, 0, 0, 0,
                size - 8, start + 40, 0, interface, 0)  # fmt: skip
    header = bits >> 10 & 0x3C
    body = total - header
    if protocol != TCP or header < 20 or body < 0:
        return None
    if start + 40 + header > len(data) or start + 40 + total > length:
        return None
    return (TCP, source, destination, sport, dport, seq, ack, bits & 0x1FF, window,
            body, start + 40, 0, interface, 0)  # fmt: skip


def slow(linktype: int, data: bytes, length: int) -> Row | None:
    """Any packet, by the dissector; None where it is neither whole TCP nor UDP."""
    frame = dissect(linktype, data, length)
    if frame.ip is None or (frame.problem and not frame.problem.startswith("cut short")):
        return None
    transport = frame.tcp or frame.udp
    if transport is None:
        return None
    return (
        TCP if frame.tcp is not None else UDP,
        ip_address(frame.ip.source).packed,
        ip_address(frame.ip.destination).packed,
        transport.source_port,
        transport.destination_port,
        *_transport(frame),
        frame.transport,
        frame.ip.identification or 0,
        frame.interface,
        frame.network,
    )


def _transport(frame: Frame) -> tuple[int, int, int, int, int]:
    """Sequence, acknowledgment, flags, window, payload length."""
    tcp = frame.tcp
    if tcp is not None:
        return tcp.sequence, tcp.acknowledgment, tcp.flags, tcp.window, tcp.length
    return 0, 0, 0, 0, max(frame.udp.length - 8, 0) if frame.udp is not None else 0
