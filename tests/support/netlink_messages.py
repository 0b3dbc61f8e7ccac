"""Messages of conntrack and inet_diag as the kernel sends them, made by hand."""

from __future__ import annotations

import struct

from collectors.conntrack import entries
from collectors.sockets import inet_diag


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body + bytes(-len(body) % 4)


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def entry(
    protocol: int = 6,
    ports: tuple[int, int] = (40_000, 80),
    destination: bytes = bytes([10, 96, 0, 1]),
    status: int = 0x0E,
    state: int = 3,
) -> bytes:
    """One of conntrack, with its reply from 10.244.1.7:8080."""
    client, pod = bytes([10, 244, 0, 5]), bytes([10, 244, 1, 7])
    tuples = _tuple(1, client, destination, protocol, *ports)
    tuples += _tuple(2, pod, client, protocol, 8080, ports[0])
    state_of_tcp = attribute(1, bytes([state])) + attribute(2, b"\7") + attribute(3, b"\7")
    rest = attribute(0x8004, attribute(0x8001, state_of_tcp)) if protocol == 6 else b""
    timeout = attribute(7, struct.pack(">I", 432_000))
    body = b"\2\0\0\0" + tuples + attribute(3, struct.pack(">I", status)) + timeout + rest
    return message(entries.CTNETLINK | entries.CT_NEW, body)


def _tuple(
    kind: int, source: bytes, destination: bytes, protocol: int, sport: int, dport: int
) -> bytes:
    addresses = attribute(1, source) + attribute(2, destination)
    ports = attribute(2, struct.pack(">H", sport)) + attribute(3, struct.pack(">H", dport))
    proto = attribute(1, bytes([protocol])) + ports
    return attribute(0x8000 | kind, attribute(0x8001, addresses) + attribute(0x8002, proto))


def tcp_socket(
    info: bytes = bytes(range(224)), before: bytes = b"", head: bytes = bytes(48), state: int = 1
) -> bytes:
    """One of inet_diag; `head` is its ports, addresses and what identifies it, `before` attributes
    that precede tcp_info."""
    body = bytes([2, state, 1, 0]) + head + struct.pack("=5I", 0, 11, 22, 0, 0)
    return message(
        inet_diag.SOCK_DIAG_BY_FAMILY, body + before + attribute(inet_diag.INET_DIAG_INFO, info)
    )
