"""A packet's bytes into what one line shows, in tcpdump's manner. Pure, bounded, and never raises.

Link layers: Ethernet with VLAN tags, Linux cooked v1 and v2, raw IP. Then IPv4, IPv6, ARP, TCP, UDP, ICMP, DNS.
A packet cut by the snap length or damaged gives what can be told and says so.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from collectors.capture import dns
from collectors.safe import safe

ETHERNET, RAW, LINUX_SLL, LINUX_SLL2 = 1, 101, 113, 276
RAW_TYPES = (RAW, 12, 14, 228, 229)
IPV4, IPV6, ARP, VLAN, QINQ = 0x0800, 0x86DD, 0x0806, 0x8100, 0x88A8
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
Fields = dict[str, Any]
DIRECTIONS = {0: "In", 1: "B", 2: "M", 3: "P", 4: "Out"}
TCP_FLAGS = ((0x02, "S"), (0x01, "F"), (0x04, "R"), (0x08, "P"), (0x20, "U"), (0x40, "E"), (0x80, "W"), (0x10, "."))
_UNREACHABLE = {0: "net", 1: "host", 2: "protocol", 3: "port", 4: "need to frag", 9: "net prohibited", 10: "host prohibited", 13: "admin prohibited"}  # fmt: skip  # noqa: E501
_EXTENSIONS = (0, 43, 44, 51, 60)


@dataclass(frozen=True, slots=True)
class Decoded:
    """One packet told: `info` is what follows the addresses. Ports are None where the protocol has none."""

    protocol: str
    source: str = ""
    target: str = ""
    source_port: int | None = None
    target_port: int | None = None
    info: str = ""
    direction: str = ""
    interface: int = 0
    bad: bool = False  # deserves a look: reset, unreachable, DNS failure


class _Short(Exception):
    """The packet ends before what is being read."""


def _take(form: str, data: bytes, offset: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(form, data, offset)
    except struct.error:
        raise _Short from None


def decode(linktype: int, data: bytes, length: int) -> Decoded:
    """`data` is a frame as captured; `length` what it measured on the wire."""
    direction, interface = "", 0
    try:
        if linktype == LINUX_SLL2:
            kind, _, interface, _, packet_type = _take("!HHIHB", data, 0)
            direction, offset = DIRECTIONS.get(packet_type, ""), 20
        elif linktype == LINUX_SLL:
            packet_type, *_, kind = _take("!HHH8sH", data, 0)
            direction, offset = DIRECTIONS.get(packet_type, ""), 16
        elif linktype == ETHERNET:
            (kind,), offset = _take("!H", data, 12), 14
        elif linktype in RAW_TYPES:
            (first,) = _take("!B", data, 0)
            kind, offset = (IPV6 if first >> 4 == 6 else IPV4), 0
        else:
            return Decoded("link", info=f"link type {linktype}, {length} bytes")
        while kind in (VLAN, QINQ):
            _, kind = _take("!HH", data, offset)
            offset += 4
        fields = _network(kind, data, offset, length - offset)
    except _Short:
        return Decoded("cut", info=f"[cut short after {len(data)} of {length} bytes]", direction=direction)
    return Decoded(direction=direction, interface=interface, **fields)


def _network(kind: int, data: bytes, offset: int, length: int) -> Fields:
    if kind == IPV4:
        return _ipv4(data, offset)
    if kind == IPV6:
        return _ipv6(data, offset)
    if kind == ARP:
        return _arp(data, offset)
    return {"protocol": "link", "info": f"ethertype 0x{kind:04x}, length {max(length, 0)}"}


def _arp(data: bytes, offset: int) -> Fields:
    (operation,) = _take("!H", data, offset + 6)
    sender, wanted = _take("!I6xI", data, offset + 14)
    source, target = str(IPv4Address(sender)), str(IPv4Address(wanted))
    said = f"who-has {target} tell {source}" if operation == 1 else f"reply {source} is-at {_mac(data, offset + 8)}"
    return {"protocol": "ARP", "source": source, "target": target, "info": said}


def _mac(data: bytes, offset: int) -> str:
    return data[offset : offset + 6].hex(":")


def _ipv4(data: bytes, offset: int) -> Fields:
    version, total, _, fragment, _, protocol, source, target = _take("!BxHHHBBxxII", data, offset)
    header = (version & 15) * 4
    if version >> 4 != 4 or header < 20:
        return {"protocol": "IP", "info": "[bad IPv4 header]", "bad": True}
    fields: Fields = {
        "protocol": "IP", "source": str(IPv4Address(source)), "target": str(IPv4Address(target)),
    }  # fmt: skip
    if fragment & 0x1FFF:
        fields["info"] = f"fragment at {(fragment & 0x1FFF) * 8}, {total - header} bytes"
        return fields
    payload = (total or len(data) - offset) - header
    return fields | _transport(protocol, data, offset + header, payload)


def _ipv6(data: bytes, offset: int) -> Fields:
    first, payload, following, _ = _take("!IHBB", data, offset)
    if first >> 28 != 6 or len(data) < offset + 40:
        raise _Short
    source, target = data[offset + 8 : offset + 24], data[offset + 24 : offset + 40]
    fields: Fields = {
        "protocol": "IP6", "source": str(IPv6Address(source)), "target": str(IPv6Address(target)),
    }  # fmt: skip
    offset += 40
    for _ in range(8):  # extension headers, a bounded number
        if following not in _EXTENSIONS:
            break
        protocol, size, fragment = _take("!BBH", data, offset)
        if following == 44 and fragment >> 3:
            fields["info"] = f"fragment at {fragment & 0xFFF8}"
            return fields
        step = 8 if following == 44 else (size + 2) * 4 if following == 51 else (size + 1) * 8
        following, offset, payload = protocol, offset + step, payload - step
    return fields | _transport(following, data, offset, payload)


def _transport(protocol: int, data: bytes, offset: int, payload: int) -> Fields:
    try:
        if protocol == TCP:
            return _tcp(data, offset, payload)
        if protocol == UDP:
            return _udp(data, offset)
        if protocol in (ICMP, ICMP6):
            return _icmp(protocol, data, offset)
    except _Short:
        return {"info": "[cut short by the snap length]"}
    return {"info": f"protocol {protocol}, length {max(payload, 0)}"}


def _tcp(data: bytes, offset: int, payload: int) -> Fields:
    source, target, sequence, acknowledged, size, flags, window = _take("!HHIIBBH", data, offset)
    header = (size >> 4) * 4
    length = max(payload - header, 0)
    shown = "".join(letter for bit, letter in TCP_FLAGS if flags & bit) or "none"
    parts = [f"Flags [{shown}]"]
    if length or flags & 0x07:
        parts.append(f"seq {sequence}:{(sequence + length) & 0xFFFFFFFF}" if length else f"seq {sequence}")
    if flags & 0x10:
        parts.append(f"ack {acknowledged}")
    parts += [f"win {window}", f"length {length}"]
    return {
        "source_port": source,
        "target_port": target,
        "info": ", ".join(parts),
        "bad": bool(flags & 0x04) or (window == 0 and not flags & 0x06),
    }


def _udp(data: bytes, offset: int) -> Fields:
    source, target, length, _ = _take("!HHHH", data, offset)
    fields: Fields = {
        "source_port": source, "target_port": target, "info": f"UDP, length {max(length - 8, 0)}",
    }  # fmt: skip
    if 53 in (source, target):
        told = dns.summary(data[offset + 8 :])
        if told is not None:
            fields["info"], fields["bad"] = told.text, told.failed
    return fields


def _icmp(protocol: int, data: bytes, offset: int) -> Fields:
    kind, code, _, low, high = _take("!BBHHH", data, offset)
    if protocol == ICMP6:
        names = {1: "unreachable", 2: f"packet too big, mtu {high}", 128: "echo request", 129: "echo reply",
                 133: "router solicitation", 134: "router advertisement",
                 135: "neighbor solicitation", 136: "neighbor advertisement"}  # fmt: skip
        return {"info": f"ICMP6 {names.get(kind, f'type {kind}')}", "bad": kind in (1, 2)}
    if kind in (0, 8):
        return {"info": f"ICMP echo {'request' if kind == 8 else 'reply'}, id {low}, seq {high}"}
    if kind == 3:
        what = _UNREACHABLE.get(code, f"code {code}")
        mtu = f" (mtu {high})" if code == 4 else ""
        quoted = _quoted(data, offset + 8)
        told = quoted if code == 3 and " port " in quoted else f"{quoted} {what}"
        return {"info": f"ICMP {told} unreachable{mtu}", "bad": True}
    if kind == 11:
        return {"info": f"ICMP time exceeded for {_quoted(data, offset + 8)}", "bad": True}
    return {"info": f"ICMP type {kind} code {code}", "bad": kind in (4, 5, 12)}


def _quoted(data: bytes, offset: int) -> str:
    """The packet that an ICMP error speaks of."""
    try:
        version, protocol, target = _take("!B8xB6xI", data, offset)
        address = str(IPv4Address(target))
        (port,) = _take("!H", data, offset + (version & 15) * 4 + 2)
        name = {TCP: "tcp", UDP: "udp"}.get(protocol)
        return f"{address} {name} port {port}" if name else address
    except _Short:
        return "?"


def line(packet: Decoded, names: Mapping[str, str]) -> str:
    """One line in tcpdump's manner, with a name in place of each address that has one."""
    if not packet.source:
        return safe(packet.info)
    ends = [
        _end(packet.source, packet.source_port, names),
        _end(packet.target, packet.target_port, names),
    ]
    if packet.protocol == "ARP":
        return f"ARP {packet.info}"
    return f"{packet.protocol} {ends[0]} > {ends[1]}: {packet.info}"


def _end(address: str, port: int | None, names: Mapping[str, str]) -> str:
    shown = names.get(address, address)
    return shown if port is None else f"{shown}.{port}"
