"""Options of a TCP header (RFC 9293, 7323, 2018)."""

from __future__ import annotations

import struct

from collectors.capture.layers import TcpOptions

_TIMESTAMP = struct.Struct("!II")
END, NOP, MSS, WINDOW_SCALE, SACK_PERMITTED, SACK, TIMESTAMP = 0, 1, 2, 3, 4, 5, 8
_SIZES = {MSS: 4, WINDOW_SCALE: 3, SACK_PERMITTED: 2, TIMESTAMP: 10}  # of kind, length and value


def tcp_options(body: bytes) -> TcpOptions:
    """Options of a TCP header; reading ends at the first that is cut or wrong."""
    found = TcpOptions()
    offset, end = 0, len(body)
    while offset < end and body[offset] != END:
        if body[offset] == NOP:
            offset += 1
            continue
        if offset + 1 >= end:
            break
        size = body[offset + 1]
        if size < 2 or offset + size > end:
            break
        _read(found, body[offset], size, body[offset + 2 : offset + size])
        offset += size
    return found


def _read(found: TcpOptions, kind: int, size: int, value: bytes) -> None:
    if kind == SACK and size >= 10 and size % 8 == 2:
        edges = struct.unpack(f"!{size // 4}I", value)
        found.sack = tuple(zip(edges[::2], edges[1::2], strict=True))
    elif _SIZES.get(kind) != size:
        return
    elif kind == MSS:
        found.mss = int.from_bytes(value, "big")
    elif kind == WINDOW_SCALE:
        found.window_scale = value[0]
    elif kind == SACK_PERMITTED:
        found.sack_permitted = True
    elif kind == TIMESTAMP:
        found.timestamp = _TIMESTAMP.unpack(value)
