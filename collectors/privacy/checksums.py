"""The Internet checksum (RFC 1071) and that of a transport with its pseudo header. Pure."""

from __future__ import annotations

import struct


def internet_checksum(data: bytes) -> int:
    """The ones' complement of the ones' complement sum, as it is written into a header."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def transport_checksum(ends: bytes, protocol: int, length: int, data: bytes) -> int:
    """Over `length` bytes of which `data` are there, and the others zeros. `ends`: source and
    destination address, packed."""
    return internet_checksum(ends + struct.pack("!II", length, protocol) + data)
