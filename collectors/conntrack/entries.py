"""Entries of the conntrack table: from the text of `conntrack -L`, and from netlink (linux/nfnetlink_conntrack.h)."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

from collectors import netlink
from collectors.sanitize import sanitize

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
    """One tracked connection: the tuple as it was opened, and the one that replies carry (which tells a translation).
    `state` is TCP's, '' for others; `timeout` seconds until it is forgotten."""

    protocol: str
    state: str
    source: str
    source_port: int
    target: str
    target_port: int
    reply_source: str
    reply_source_port: int
    reply_target: str
    reply_target_port: int
    timeout: int
    assured: bool
    replied: bool


# --- text


def parse_line(line: str) -> ConntrackEntry | None:
    """A line of `conntrack -L` (with or without -o extended); None where it is none."""
    words = line.split()
    if len(words) > 4 and words[0] in ("ipv4", "ipv6"):
        words = words[2:]
    if len(words) < 5 or not words[1].isdecimal() or not words[2].isdecimal():
        return None
    state = words[3] if "=" not in words[3] and not words[3].startswith("[") else ""
    values: dict[str, list[str]] = {}
    for word in words[3:]:
        name, equals, value = word.partition("=")
        if equals:
            values.setdefault(name, []).append(value)
    try:
        (source, back), (target, away) = values["src"][:2], values["dst"][:2]
        ports, others = values.get("sport", ["0", "0"]), values.get("dport", ["0", "0"])
        return ConntrackEntry(
            sanitize(words[0], 12),
            sanitize(state, 16),
            sanitize(source, 64),
            int(ports[0]),
            sanitize(target, 64),
            int(others[0]),
            sanitize(back, 64),
            int(ports[1]),
            sanitize(away, 64),
            int(others[1]),
            int(words[2]),
            "[ASSURED]" in words,
            "[UNREPLIED]" not in words,
        )
    except (KeyError, ValueError, IndexError):
        return None


def parse(text: str) -> list[ConntrackEntry]:
    """Lines that are no entries are passed over."""
    return [entry for line in text.splitlines() if (entry := parse_line(line)) is not None]


# --- netlink

NETLINK_NETFILTER = 12
CTNETLINK, CT_GET, CT_NEW = 1 << 8, 1, 0
NFGENMSG = 4  # bytes before the attributes
NESTED = 0x3FFF  # the bits of an attribute's type
TUPLE_ORIG, TUPLE_REPLY, STATUS, PROTOINFO, TIMEOUT = 1, 2, 3, 4, 7
TUPLE_IP, TUPLE_PROTO = 1, 2
IP_V4_SOURCE, IP_V4_TARGET, IP_V6_SOURCE, IP_V6_TARGET = 1, 2, 3, 4
PROTO_NUM, PROTO_SOURCE, PROTO_TARGET = 1, 2, 3
INFO_TCP, TCP_STATE = 1, 1
_ATTRIBUTE = struct.Struct("=HH")
_ADDRESSES: dict[bytes, str] = {}
Parts = dict[int, tuple[int, int]]  # attribute type to where its value begins and ends


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


Tuple = tuple[int, str, int, str, int]  # protocol, source, port, target, port


def _tuple(data: bytes, place: tuple[int, int]) -> Tuple:
    parts = _attributes(data, *place)
    ip, proto = _attributes(data, *parts[TUPLE_IP]), _attributes(data, *parts[TUPLE_PROTO])
    source, target = (
        (IP_V4_SOURCE, IP_V4_TARGET) if IP_V4_SOURCE in ip else (IP_V6_SOURCE, IP_V6_TARGET)
    )
    ports = [
        int.from_bytes(data[slice(*proto[kind])], "big") if kind in proto else 0
        for kind in (PROTO_SOURCE, PROTO_TARGET)
    ]
    start, end = ip[source]
    there, until = ip[target]
    return (
        data[proto[PROTO_NUM][0]],
        address(data[start:end]),
        ports[0],
        address(data[there:until]),
        ports[1],
    )


# What nearly every entry begins with: both tuples IPv4 with ports, then the status.
PLAIN_HEADS = (b"\x34\0\1\x80", b"\x34\0\2\x80", b"\x08\0\3\0")  # at 0, 52 and 104
PLAIN_SIZE = 112
_STATE_AT = (
    8 + 4
)  # of PROTOINFO's value: behind the heads of INFO_TCP and TCP_STATE, which comes first


def tcp_state(data: bytes, offset: int, end: int) -> str:
    """TCP's state, from the attributes behind the status; '' where none is told."""
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
        number, source, sport, target, dport = _tuple(data, parts[TUPLE_ORIG])
        _, back, bport, away, aport = _tuple(data, parts[TUPLE_REPLY])
    except (KeyError, IndexError, ValueError):
        return None
    status = int.from_bytes(data[slice(*parts[STATUS])], "big") if STATUS in parts else 0
    timeout = int.from_bytes(data[slice(*parts[TIMEOUT])], "big") if TIMEOUT in parts else 0
    state = ""
    if number == socket.IPPROTO_TCP and PROTOINFO in parts:
        tcp = _attributes(data, *parts[PROTOINFO]).get(INFO_TCP)
        place = _attributes(data, *tcp).get(TCP_STATE) if tcp else None
        if place is not None and data[place[0]] < len(TCP_STATES):
            state = TCP_STATES[data[place[0]]]
    return ConntrackEntry(
        PROTOCOLS.get(number, str(number)),
        state,
        source,
        sport,
        target,
        dport,
        back,
        bport,
        away,
        aport,
        timeout,
        bool(status & ASSURED),
        bool(status & SEEN_REPLY),
    )


def decode(data: bytes, entries: list[ConntrackEntry]) -> bool:
    """Append the entries of a piece of a dump; whether it was the last. OSError where the kernel refuses."""
    return netlink.walk(data, CTNETLINK | CT_NEW, _taking(entries))


def _taking(entries: list[ConntrackEntry]) -> netlink.Take:
    def take(data: bytes, start: int, end: int) -> None:
        if (found := decoded(data, start + NFGENMSG, end)) is not None:
            entries.append(found)

    return take


REQUEST = netlink.request(CTNETLINK | CT_GET, struct.pack("=BBH", socket.AF_UNSPEC, 0, 0))


def dump() -> list[ConntrackEntry]:
    """Every entry of this network namespace; to count them, tally does not make them. OSError as in netlink.dump."""
    entries: list[ConntrackEntry] = []
    netlink.dump(NETLINK_NETFILTER, REQUEST, CTNETLINK | CT_NEW, _taking(entries))
    return entries
