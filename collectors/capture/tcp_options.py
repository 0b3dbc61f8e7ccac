"""Options of a TCP header (RFC 9293, 7323, 2018)."""

from __future__ import annotations

import struct

from collectors.capture.layers import TcpOptions


def tcp_options(body: bytes) -> TcpOptions:
    """Options of a TCP header; reading ends at the first that is cut or wrong."""
    found = TcpOptions()
    offset, end = 0, len(body)
    while offset < end:
        kind = body[offset]
        if kind == 0:
            break
        if kind == 1:
            offset += 1
            continue
        if offset + 1 >= end:
            break
        size = body[offset + 1]
        value = body[offset + 2 : offset + size]
        if size < 2 or len(value) < size - 2:
            break
        if kind == 2 and size == 4:
            found.mss = int.from_bytes(value, "big")
        elif kind == 3 and size == 3:
            found.window_scale = value[0]
        elif kind == 4 and size == 2:
            found.sack_permitted = True
        elif kind == 5 and size >= 10 and (size - 2) % 8 == 0:
            edges = struct.unpack(f"!{(size - 2) // 4}I", value)
            found.sack = tuple(zip(edges[::2], edges[1::2], strict=True))
        elif kind == 8 and size == 10:
            first, second = struct.unpack("!II", value)
            found.timestamp = (first, second)
        offset += size
    return found
