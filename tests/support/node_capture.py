"""Packets as `tcpdump -i any` captures them on a node: cooked v2, an interface and a direction
each."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import ip_address

from collectors.events import Packet

COOKED2 = 276
IN, OTHER_HOST, OUT = 0, 3, 4  # packet types
SYN, SYN_ACK, ACK, PUSH, FIN, RST = 0x02, 0x12, 0x10, 0x18, 0x11, 0x14
SECOND = 1_000_000_000
Ends = tuple[str, int, str, int]


@dataclass(slots=True)
class Hop:
    """Where a packet is seen: an interface, IN or OUT, with which addresses."""

    interface: int
    side: int
    ends: Ends


@dataclass(slots=True)
class Segment:
    flags: int
    sequence: int
    acknowledgment: int = 0
    length: int = 0
    ident: int = 1

    def at(self, hop: Hop, ns: int, back: bool = False) -> Packet:
        source, sport, destination, dport = hop.ends
        if back:
            source, sport, destination, dport = destination, dport, source, sport
        addresses = ip_address(source).packed + ip_address(destination).packed
        total = 40 + self.length
        head = struct.pack("!BBHHHBBH", 0x45, 0, total, self.ident, 0x4000, 64, 6, 0) + addresses
        seq, ack = self.sequence & 0xFFFFFFFF, self.acknowledgment & 0xFFFFFFFF
        tcp = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, self.flags, 8192, 0, 0)
        data = _cooked(hop) + head + tcp + b"x" * min(self.length, 60)
        return Packet(ns, data, 20 + total)


def datagram(hop: Hop, ns: int, payload: bytes, back: bool = False) -> Packet:
    source, sport, destination, dport = hop.ends
    if back:
        source, sport, destination, dport = destination, dport, source, sport
    addresses = ip_address(source).packed + ip_address(destination).packed
    size = 8 + len(payload)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, 7, 0x4000, 64, 17, 0) + addresses
    data = _cooked(hop) + head + struct.pack("!HHHH", sport, dport, size, 0) + payload
    return Packet(ns, data, len(data))


def _cooked(hop: Hop) -> bytes:
    return struct.pack("!HHIHBB8x", 0x0800, 0, hop.interface, 1, hop.side, 6)
