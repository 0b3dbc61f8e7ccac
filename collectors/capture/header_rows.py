"""The headers of a packet as one flat row, fast: what the flow table needs of every packet.

The common cases (no tunnel, no IP option, no fragment) are read with one `struct` call each; all others by the
dissector, and both give the same row (a test holds them to each other on any bytes).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from ipaddress import ip_address

from collectors.capture.dissect import (
    ETHERNET,
    GENEVE_PORT,
    LINUX_SLL,
    LINUX_SLL2,
    RAW_TYPES,
    VXLAN_PORTS,
    dissect,
)
from collectors.capture.layers import TCP, UDP

# (protocol, source, destination, source port, destination port, sequence, acknowledgment, flags, window, payload length,
#  offset of the transport header, IP identification, interface)
# Addresses are 4 or 16 bytes. For UDP sequence, acknowledgment, flags and window are 0.
HeaderRow = tuple[int, bytes, bytes, int, int, int, int, int, int, int, int, int, int]
Reader = Callable[[bytes, int], HeaderRow | None]

_IPV4, _IPV6 = 0x0800, 0x86DD
_VXLAN = b"\x08\0\0\0"
_OVERLAYS = frozenset((*VXLAN_PORTS, GENEVE_PORT))
_TCP4 = "BxHHHxB2x4s4sHHIIHH"  # IPv4 without options, then TCP up to its window
_UDP4 = "BxHHHxB2x4s4sHHH"
_TCP6 = "IHBx16s16sHHIIHH"
# link type: what precedes the IP header, its size, where in `head` the ethertype is
_LINKS = {
    ETHERNET: ("12xH", 14),
    LINUX_SLL: ("14xH", 16),
    LINUX_SLL2: ("H2xI12x", 20),
}


def slow(linktype: int, data: bytes, length: int) -> HeaderRow | None:
    """Any packet, by the dissector; None where it is neither whole TCP nor UDP."""
    frame = dissect(linktype, data, length)
    ip, tcp, udp = frame.ip, frame.tcp, frame.udp
    if ip is None or (frame.problem and not frame.problem.startswith("cut short")):
        return None
    source, destination = ip_address(ip.source).packed, ip_address(ip.destination).packed
    identification = ip.identification or 0
    if tcp is not None:
        return (
            TCP,
            source,
            destination,
            tcp.source_port,
            tcp.destination_port,
            tcp.sequence,
            tcp.acknowledgment,
            tcp.flags,
            tcp.window,
            tcp.length,
            frame.transport,
            identification,
            frame.interface,
        )
    if udp is not None:
        return (
            UDP,
            source,
            destination,
            udp.source_port,
            udp.destination_port,
            0,
            0,
            0,
            0,
            max(udp.length - 8, 0),
            frame.transport,
            identification,
            frame.interface,
        )
    return None


def reader(linktype: int) -> Reader:
    """The function that reads rows of a link type: (captured bytes, length on the wire) to a row, or None."""
    if linktype in _LINKS:
        return _fast(linktype, *_LINKS[linktype])
    if linktype in RAW_TYPES:
        return _fast(linktype, "", 0)
    return lambda data, length: slow(linktype, data, length)


_inner_tcp4 = struct.Struct(f"!12xH{_TCP4}").unpack_from
_inner_udp4 = struct.Struct(f"!12xH{_UDP4}").unpack_from


def _plain_ethernet(data: bytes, start: int, length: int, interface: int) -> HeaderRow | None:
    """The row of an Ethernet frame inside another, where it is IPv4 without options and whole TCP or UDP."""
    if len(data) < start + 42 or data[start + 12 : start + 15] != b"\x08\0\x45":
        return None
    if data[start + 23] == 17:
        _, _, total, ident, fragment, _, source, destination, sport, dport, size = _inner_udp4(
            data, start
        )
        if fragment & 0x3FFF or dport in _OVERLAYS or size < 8 or total < 28:
            return None
        return (
            17,
            source,
            destination,
            sport,
            dport,
            0,
            0,
            0,
            0,
            size - 8,
            start + 34,
            ident,
            interface,
        )
    if data[start + 23] != 6 or len(data) < start + 50:
        return None
    (_, _, total, ident, fragment, _, source, destination, sport, dport, seq, ack, bits, window) = (
        _inner_tcp4(data, start)
    )
    header = bits >> 10 & 0x3C
    body = total - 20 - header
    if fragment & 0x3FFF or header < 20 or body < 0:
        return None
    if start + 34 + header > len(data) or start + 14 + total > length:
        return None
    return (
        6,
        source,
        destination,
        sport,
        dport,
        seq,
        ack,
        bits & 0x1FF,
        window,
        body,
        start + 34,
        ident,
        interface,
    )


def _fast(linktype: int, link: str, size: int) -> Reader:
    tcp4, udp4 = (
        struct.Struct(f"!{link}{_TCP4}").unpack_from,
        struct.Struct(f"!{link}{_UDP4}").unpack_from,
    )
    tcp6 = struct.Struct(f"!{link}{_TCP6}").unpack_from
    cooked2, bare = linktype == LINUX_SLL2, not link
    payload4, payload6 = size + 20, size + 40
    error = struct.error

    def ipv4(data: bytes, length: int) -> HeaderRow | None:
        interface, kind = 0, _IPV4
        try:
            if cooked2:
                (
                    kind,
                    interface,
                    first,
                    total,
                    ident,
                    fragment,
                    protocol,
                    source,
                    destination,
                    sport,
                    dport,
                    seq,
                    ack,
                    bits,
                    window,
                ) = tcp4(data)
            elif bare:
                (
                    first,
                    total,
                    ident,
                    fragment,
                    protocol,
                    source,
                    destination,
                    sport,
                    dport,
                    seq,
                    ack,
                    bits,
                    window,
                ) = tcp4(data)
            else:
                (
                    kind,
                    first,
                    total,
                    ident,
                    fragment,
                    protocol,
                    source,
                    destination,
                    sport,
                    dport,
                    seq,
                    ack,
                    bits,
                    window,
                ) = tcp4(data)
        except error:
            return short(data, length)
        if kind == _IPV4 and first == 0x45 and not fragment & 0x3FFF:
            if protocol == 6:
                header = bits >> 10 & 0x3C
                body = total - 20 - header
                if (
                    header >= 20
                    and body >= 0
                    and payload4 + header <= len(data)
                    and size + total <= length
                ):
                    return (
                        6,
                        source,
                        destination,
                        sport,
                        dport,
                        seq,
                        ack,
                        bits & 0x1FF,
                        window,
                        body,
                        payload4,
                        ident,
                        interface,
                    )
            elif protocol == 17:
                if dport in _OVERLAYS:
                    return tunnelled(data, length, interface)
                bytes_ = seq >> 16
                if bytes_ >= 8 and total >= 28:
                    return (
                        17,
                        source,
                        destination,
                        sport,
                        dport,
                        0,
                        0,
                        0,
                        0,
                        bytes_ - 8,
                        payload4,
                        ident,
                        interface,
                    )
            return slow(linktype, data, length)
        if kind == _IPV6 or (bare and first >> 4 == 6):
            return ipv6(data, length)
        if kind == _IPV4:
            return slow(linktype, data, length)
        return None if kind in (0x0806, 0x88CC) else slow(linktype, data, length)

    def tunnelled(data: bytes, length: int, interface: int) -> HeaderRow | None:
        """What a plain VXLAN datagram carries; anything else takes the long way."""
        start = payload4 + 16
        row = None
        if data[payload4 + 8 : payload4 + 12] == _VXLAN and data[start - 1 : start] == b"\0":
            row = _plain_ethernet(data, start, length, interface)
        return row or slow(linktype, data, length)

    def short(data: bytes, length: int) -> HeaderRow | None:
        """Too short for the headers of TCP: it may be UDP."""
        interface, kind = 0, _IPV4
        try:
            fields = list(udp4(data))
        except error:
            return slow(linktype, data, length)
        if cooked2:
            kind, interface, *fields = fields
        elif not bare:
            kind, *fields = fields
        first, total, ident, fragment, protocol, source, destination, sport, dport, bytes_ = fields
        plain = kind == _IPV4 and first == 0x45 and not fragment & 0x3FFF and protocol == 17
        if plain and bytes_ >= 8 and total >= 28 and dport not in _OVERLAYS:
            return (
                17,
                source,
                destination,
                sport,
                dport,
                0,
                0,
                0,
                0,
                bytes_ - 8,
                payload4,
                ident,
                interface,
            )
        return slow(linktype, data, length)

    def ipv6(data: bytes, length: int) -> HeaderRow | None:
        interface = 0
        try:
            fields = list(tcp6(data))
            if cooked2:
                _, interface, *fields = fields
            elif not bare:
                _, *fields = fields
            first, total, protocol, source, destination, sport, dport, seq, ack, bits, window = (
                fields
            )
        except error:
            return slow(linktype, data, length)
        if first >> 28 == 6:
            if protocol == 6:
                header = bits >> 10 & 0x3C
                body = total - header
                if (
                    header >= 20
                    and body >= 0
                    and payload6 + header <= len(data)
                    and size + 40 + total <= length
                ):
                    return (
                        6,
                        source,
                        destination,
                        sport,
                        dport,
                        seq,
                        ack,
                        bits & 0x1FF,
                        window,
                        body,
                        payload6,
                        0,
                        interface,
                    )
            elif protocol == 17 and dport not in _OVERLAYS and seq >> 16 >= 8 and total >= 8:
                return (
                    17,
                    source,
                    destination,
                    sport,
                    dport,
                    0,
                    0,
                    0,
                    0,
                    (seq >> 16) - 8,
                    payload6,
                    0,
                    interface,
                )
        return slow(linktype, data, length)

    return ipv4
