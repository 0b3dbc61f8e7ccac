"""Entries of the conntrack table, decoded from netlink (linux/nfnetlink_conntrack.h)."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

from collectors import netlink

PROTOCOLS = {
    1: "icmp",
    6: "tcp",
    17: "udp",
    33: "dccp",
    47: "gre",
    58: "icmpv6",
    132: "sctp",
    136: "udplite",
}
TCP_STATES = (
    "NONE",
    "SYN_SENT",
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT",
    "CLOSE_WAIT",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSE",
    "SYN_SENT2",
)
SEEN_REPLY, ASSURED = 1 << 1, 1 << 2  # IPS_SEEN_REPLY, IPS_ASSURED


class ConntrackEntry(NamedTuple):
    """One tracked connection: its original tuple and its reply tuple, which differ where an address
    is translated. `state` is TCP's, '' for others; `timeout` seconds until it expires."""

    protocol: str
    state: str
    source: str
    source_port: int
    destination: str
    destination_port: int
    reply_source: str
    reply_source_port: int
    reply_destination: str
    reply_destination_port: int
    timeout: int
    assured: bool
    replied: bool


NETLINK_NETFILTER = 12
CTNETLINK, CT_GET, CT_NEW = 1 << 8, 1, 0
NFGENMSG = 4  # bytes before the attributes
NESTED = 0x3FFF  # the bits of an attribute's type
TUPLE_ORIG, TUPLE_REPLY, STATUS, PROTOINFO, TIMEOUT = 1, 2, 3, 4, 7
TUPLE_IP, TUPLE_PROTO = 1, 2
IP_V4, IP_V6 = (1, 2), (3, 4)  # source, destination
PROTO_NUM, PROTO_SOURCE_PORT, PROTO_DESTINATION_PORT = 1, 2, 3
INFO_TCP, TCP_STATE = 1, 1
_ATTRIBUTE = struct.Struct("=HH")
_ADDRESSES: dict[bytes, str] = {}
Span = tuple[int, int]  # where a value begins and ends
Parts = dict[int, Span]  # by attribute type


def _attributes(data: bytes, start: int, end: int) -> Parts:
    found: Parts = {}
    while start + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if length < 4 or start + length > end:
            break
        found[kind & NESTED] = (start + 4, start + length)
        start += length + 3 & ~3
    return found


def address(raw: bytes) -> str:
    known = _ADDRESSES.get(raw)
    if known is None:
        if len(_ADDRESSES) > 100_000:
            _ADDRESSES.clear()
        known = _ADDRESSES[raw] = socket.inet_ntop(
            socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw
        )
    return known


class ConntrackTuple(NamedTuple):
    """One direction of an entry; `protocol` is IANA's number."""

    protocol: int
    source: str
    source_port: int
    destination: str
    destination_port: int


def _tuple(data: bytes, span: Span) -> ConntrackTuple:
    parts = _attributes(data, *span)
    ip, proto = _attributes(data, *parts[TUPLE_IP]), _attributes(data, *parts[TUPLE_PROTO])
    source, destination = IP_V4 if IP_V4[0] in ip else IP_V6
    start, end = ip[source]
    there, until = ip[destination]
    return ConntrackTuple(
        data[proto[PROTO_NUM][0]],
        address(data[start:end]),
        _number(data, proto.get(PROTO_SOURCE_PORT)),
        address(data[there:until]),
        _number(data, proto.get(PROTO_DESTINATION_PORT)),
    )


def _number(data: bytes, span: Span | None) -> int:
    """A big-endian number; 0 where there is none."""
    if span is None:
        return 0
    start, end = span
    return int.from_bytes(data[start:end], "big")


# What nearly every entry begins with: both tuples IPv4 with ports, and the status.
PLAIN_HEADS = (b"\x34\0\1\x80", b"\x34\0\2\x80", b"\x08\0\3\0")  # at 0, 52 and 104
PLAIN_SIZE = 112
_STATE_AT = 8 + 4  # in PROTOINFO's value: behind the heads of INFO_TCP and TCP_STATE, its first


def tcp_state(data: bytes, offset: int, end: int) -> str:
    """TCP's state, from the attributes behind the status; '' where there is none."""
    while offset + 8 <= end:
        length, kind = data[offset] | data[offset + 1] << 8, data[offset + 2]
        if length < 4:
            return ""
        if kind == PROTOINFO:
            if (
                offset + 4 + _STATE_AT >= end
                or data[offset + 6] != INFO_TCP
                or data[offset + 10] != TCP_STATE
            ):
                return ""
            place = data[offset + _STATE_AT]
            return TCP_STATES[place] if place < len(TCP_STATES) else ""
        offset += length + 3 & ~3
    return ""


def decoded(data: bytes, start: int, end: int) -> ConntrackEntry | None:
    """An entry from where its attributes begin; None where it lacks what every entry has."""
    parts = _attributes(data, start, end)
    try:
        original, reply = _tuple(data, parts[TUPLE_ORIG]), _tuple(data, parts[TUPLE_REPLY])
    except (KeyError, IndexError, ValueError):
        return None
    status = _number(data, parts.get(STATUS))
    return ConntrackEntry(
        protocol=PROTOCOLS.get(original.protocol, str(original.protocol)),
        state=_state(data, parts) if original.protocol == socket.IPPROTO_TCP else "",
        source=original.source,
        source_port=original.source_port,
        destination=original.destination,
        destination_port=original.destination_port,
        reply_source=reply.source,
        reply_source_port=reply.source_port,
        reply_destination=reply.destination,
        reply_destination_port=reply.destination_port,
        timeout=_number(data, parts.get(TIMEOUT)),
        assured=bool(status & ASSURED),
        replied=bool(status & SEEN_REPLY),
    )


def _state(data: bytes, parts: Parts) -> str:
    """TCP's state of an entry whose attributes may come in any order."""
    info = parts.get(PROTOINFO)
    tcp = _attributes(data, *info).get(INFO_TCP) if info else None
    span = _attributes(data, *tcp).get(TCP_STATE) if tcp else None
    number = data[span[0]] if span else len(TCP_STATES)
    return TCP_STATES[number] if number < len(TCP_STATES) else ""


REQUEST = netlink.request(CTNETLINK | CT_GET, struct.pack("=BBH", socket.AF_UNSPEC, 0, 0))
