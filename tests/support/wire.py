"""Frames made by hand: Ethernet, IPv4, TCP and UDP with right checksums, DNS, a ClientHello."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from collectors.packet import Packet
from collectors.privacy.checksums import internet_checksum, transport_checksum

SOURCE_MAC, OTHER_MAC = bytes.fromhex("3a5b7c9d1e2f"), bytes.fromhex("0a580af40105")
AT = 1_700_000_000_000_000_000  # ns


def udp(source: str, destination: str, ports: tuple[int, int], payload: bytes) -> Packet:
    head = struct.pack("!HHHH", *ports, 8 + len(payload), 0)
    return _packet(source, destination, 17, head + payload)


def tcp(source: str, destination: str, ports: tuple[int, int], payload: bytes = b"") -> Packet:
    head = struct.pack("!HHIIBBHHH", *ports, 1_000, 2_000, 0x50, 0x18, 512, 0, 0)
    return _packet(source, destination, 6, head + payload)


def _packet(source: str, destination: str, protocol: int, segment: bytes) -> Packet:
    ends = ip_address(source).packed + ip_address(destination).packed
    place = {6: 16, 17: 6}[protocol]
    found = transport_checksum(ends, protocol, len(segment), segment)
    segment = segment[:place] + struct.pack("!H", found) + segment[place + 2 :]
    data = _ethernet(0x0800 if len(ends) == 8 else 0x86DD) + _ip(ends, protocol, segment)
    return Packet(AT, data, len(data))


def _ethernet(kind: int) -> bytes:
    return OTHER_MAC + SOURCE_MAC + struct.pack("!H", kind)


def _ip(ends: bytes, protocol: int, payload: bytes) -> bytes:
    if len(ends) == 32:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + ends + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 7, 0, 64, protocol, 0)
    found = internet_checksum(head + ends)
    return head[:10] + struct.pack("!H", found) + ends + payload


def arp(sender: str, wanted: str) -> Packet:
    body = SOURCE_MAC + ip_address(sender).packed + bytes(6) + ip_address(wanted).packed
    data = _ethernet(0x0806) + bytes.fromhex("0001080006040001") + body
    return Packet(AT, data, len(data))


def dns_name(text: str) -> bytes:
    labels = text.encode().split(b".")
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def dns_query(name: str) -> bytes:
    return struct.pack("!6H", 77, 0x0100, 1, 0, 0, 0) + dns_name(name) + b"\0\1\0\1"


def dns_answer(name: str, address: str, alias: str) -> bytes:
    """A CNAME, its address, and a TXT record."""
    head = struct.pack("!6H", 77, 0x8180, 1, 3, 0, 0) + dns_name(name) + b"\0\1\0\1"
    target = dns_name(alias)
    cname = b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 30, len(target)) + target
    packed = ip_address(address).packed
    kind = 1 if len(packed) == 4 else 28
    place = 0xC000 | (len(head) + 12)
    a = struct.pack("!HHHIH", place, kind, 1, 30, len(packed)) + packed
    text = f"owner={name}".encode()
    txt = b"\xc0\x0c" + struct.pack("!HHIHB", 16, 1, 30, len(text) + 1, len(text)) + text
    return head + cname + a + txt


def client_hello(name: str, *protocols: bytes) -> bytes:
    packed = name.encode()
    entry = struct.pack("!HBH", len(packed) + 3, 0, len(packed)) + packed
    extensions = struct.pack("!HH", 35, 16) + b"a-session-ticket"
    extensions += struct.pack("!HH", 0, len(entry)) + entry
    extensions += struct.pack("!HH", 43, 3) + b"\2\3\4"
    if protocols:
        offered = b"".join(bytes([len(one)]) + one for one in protocols)
        extensions += struct.pack("!HHH", 16, len(offered) + 2, len(offered)) + offered
    body = b"\3\3" + b"R" * 32 + b"\x20" + b"S" * 32 + b"\0\2\x13\1" + b"\1\0"
    body += struct.pack("!H", len(extensions)) + extensions
    hello = b"\1" + len(body).to_bytes(3) + body
    return b"\x16\3\1" + struct.pack("!H", len(hello)) + hello
