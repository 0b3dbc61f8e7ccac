"""The few ctnetlink messages that the lab sends. Layout: linux/netfilter/nfnetlink_conntrack.h."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator

NETLINK_NETFILTER = 12
NEW, GET, DELETE = 0x100, 0x101, 0x102  # NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_*
REQUEST, ACK, DUMP, EXCL, CREATE = 0x1, 0x4, 0x300, 0x200, 0x400
NESTED = 0x8000
TUPLE_ORIG, TUPLE_REPLY = 1, 2
DONE = 3


def attribute(kind: int, payload: bytes) -> bytes:
    size = 4 + len(payload)
    return struct.pack("=HH", size, kind) + payload + b"\0" * (-size % 4)


def nest(kind: int, *parts: bytes) -> bytes:
    return attribute(kind | NESTED, b"".join(parts))


def message(kind: int, flags: int, payload: bytes) -> bytes:
    body = struct.pack("=BBH", socket.AF_INET, 0, 0) + payload
    header = struct.pack("=IHH", 16 + len(body), kind, REQUEST | flags)
    return header + struct.pack("=II", 1, 0) + body  # sequence number, port id


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type without flags, payload) of each attribute."""
    position = 0
    while position + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, position)
        yield kind & 0x3FFF, data[position + 4 : position + size]
        position += (size + 3) & ~3


def open_netlink(blocking: bool = False) -> socket.socket:
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    netlink.bind((0, 0))
    netlink.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    netlink.setblocking(blocking)
    return netlink


def drain(netlink: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError, OSError):
        while True:
            netlink.recv(1 << 16)


def dump(netlink: socket.socket) -> Iterator[bytes]:
    """The attributes of every IPv4 entry of this network namespace."""
    netlink.send(message(GET, DUMP, b""))
    while True:
        data = netlink.recv(1 << 18)
        while len(data) >= 16:
            size, kind = struct.unpack_from("=IH", data)
            if kind == DONE:
                return
            yield data[20:size]
            data = data[(size + 3) & ~3 :]
