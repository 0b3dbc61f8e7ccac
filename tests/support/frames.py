"""Frames made by hand: a SYN from 10.1.0.1:1111 to 10.1.0.2:80, and headers to put around it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

TCP_SYN = bytes.fromhex("0457005000000064000000005002200076d30000")
IP4_SYN = bytes.fromhex("45000028000100004006" + "66cb" + "0a0100010a010002") + TCP_SYN
ADDRESSES6 = bytes.fromhex("fd" + "00" * 14 + "01" + "fd" + "00" * 14 + "02")
IP6_SYN = bytes.fromhex("6000000000140640") + ADDRESSES6 + TCP_SYN
MACS = bytes.fromhex("020000000002" + "020000000001")
FRAME = MACS + b"\x08\0" + IP4_SYN
SNAP = bytes.fromhex("aaaa03000000" + "0800")


def ethernet(kind: str, body: bytes) -> bytes:
    return MACS + bytes.fromhex(kind) + body


def ip4(protocol: int, body: bytes) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 7, 0, 64, protocol, 0)
    return head + bytes([10, 0, 0, 1, 10, 0, 0, 2]) + body


def ip6(protocol: int, body: bytes) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(body), protocol, 64) + ADDRESSES6 + body


def udp4(port: int, body: bytes, source: int = 40000) -> bytes:
    """An Ethernet frame with a datagram in IPv4."""
    datagram = struct.pack("!HHHH", source, port, 8 + len(body), 0) + body
    return ethernet("0800", ip4(17, datagram))


def gre4(head: str, body: bytes) -> bytes:
    """An Ethernet frame with GRE in IPv4."""
    return ethernet("0800", ip4(47, bytes.fromhex(head) + body))


def write_pcap(
    path: Path, linktype: int, frames: Sequence[bytes], apart_us: int = 10_000_000
) -> Path:
    """A pcap whose frames are ten seconds apart, or so many microseconds."""
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, linktype)
    for number, frame in enumerate(frames):
        seconds, rest = divmod(apart_us * number, 1_000_000)
        data += struct.pack("<II", 1_700_000_000 + seconds, rest)
        data += struct.pack("<II", len(frame), len(frame)) + frame
    path.write_bytes(data)
    return path
