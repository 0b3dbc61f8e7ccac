"""Fill this network namespace's conntrack table to nf_conntrack_max, or take those entries out again.

Entries are created over ctnetlink as assured, established TCP connections: the kernel may evict unreplied
entries when a table is full (early_drop), so a table filled with those would not drop anything for long.
They carry a mark, by which `empty` removes them and nothing else. Layout: linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

NETLINK_NETFILTER = 12
NEW, DELETE = 0x100, 0x102  # NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW / _DELETE
REQUEST, ACK, EXCL, CREATE = 0x1, 0x4, 0x200, 0x400
NESTED = 0x8000
ASSURED_REPLIED = 0x2 | 0x4 | 0x8  # IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED (it may not differ)
TCP_ESTABLISHED = 3
MARK = 0x706F6477
TIMEOUT_S = 86_400
BATCH = 400
COUNTS = Path("/proc/sys/net/netfilter")


def attribute(kind: int, payload: bytes) -> bytes:
    size = 4 + len(payload)
    return struct.pack("=HH", size, kind) + payload + b"\0" * (-size % 4)


def nest(kind: int, *parts: bytes) -> bytes:
    return attribute(kind | NESTED, b"".join(parts))


def message(kind: int, flags: int, payload: bytes) -> bytes:
    body = struct.pack("=BBH", socket.AF_INET, 0, 0) + payload
    return struct.pack("=IHHII", 16 + len(body), kind, REQUEST | flags, 1, 0) + body


def tuple_of(source: bytes, target: bytes, source_port: int, target_port: int) -> bytes:
    addresses = nest(1, attribute(1, source), attribute(2, target))
    ports = (
        attribute(1, bytes([socket.IPPROTO_TCP])),
        attribute(2, struct.pack(">H", source_port)),
        attribute(3, struct.pack(">H", target_port)),
    )
    return addresses + nest(2, *ports)


TAIL = b"".join(
    (
        attribute(3, struct.pack(">I", ASSURED_REPLIED)),
        nest(4, nest(1, attribute(1, bytes([TCP_ESTABLISHED])))),
        attribute(7, struct.pack(">I", TIMEOUT_S)),
        attribute(8, struct.pack(">I", MARK)),
    )
)


def entry(number: int) -> bytes:
    """The n-th made-up connection, between addresses of TEST-NET-1 and TEST-NET-2 (RFC 5737)."""
    high, port = divmod(number, 60_000)
    client = socket.inet_aton(f"192.0.2.{1 + high % 250}")
    server = socket.inet_aton(f"198.51.100.{1 + high // 250}")
    there = nest(1, tuple_of(client, server, 1024 + port, 443))
    back = nest(2, tuple_of(server, client, 443, 1024 + port))
    return message(NEW, CREATE | EXCL, there + back + TAIL)


def batches(count: int) -> Iterator[bytes]:
    for start in range(0, count, BATCH):
        yield b"".join(entry(n) for n in range(start, min(start + BATCH, count)))


def read(name: str) -> int:
    return int((COUNTS / name).read_text())


def open_netlink() -> socket.socket:
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    netlink.bind((0, 0))
    netlink.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    netlink.setblocking(False)
    return netlink


def drain(netlink: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError, OSError):
        while True:
            netlink.recv(1 << 16)


def fill() -> None:
    """Add entries until the kernel's own count stands at the limit (a little is left to live traffic)."""
    limit = read("nf_conntrack_max")
    with open_netlink() as netlink:
        for batch in batches(limit):
            netlink.send(batch)
            drain(netlink)
            if read("nf_conntrack_count") >= limit:
                return


def empty() -> None:
    mark = attribute(8, struct.pack(">I", MARK)) + attribute(21, struct.pack(">I", 0xFFFF_FFFF))
    with open_netlink() as netlink:
        netlink.setblocking(True)
        netlink.send(message(DELETE, ACK, mark))
        reply = netlink.recv(1 << 16)
        code = struct.unpack_from("=i", reply, 16)[0]
        if code:
            raise SystemExit(f"conntrack entries were not removed: error {-code}")


if __name__ == "__main__":
    fill() if sys.argv[1:] == ["fill"] else empty()
