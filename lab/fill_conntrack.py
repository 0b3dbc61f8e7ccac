"""Fill this network namespace's conntrack table to nf_conntrack_max, or remove those entries out
again.

Entries are created over ctnetlink as assured, established TCP connections: the kernel may evict
unreplied entries when a table is full (early_drop), so a table filled with those would not drop
anything for long. They carry a mark, by which `empty` removes them and nothing else.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from lab.ctnetlink import (
    ACK,
    CREATE,
    DELETE,
    EXCL,
    NEW,
    attribute,
    drain,
    message,
    nest,
    open_netlink,
)

ASSURED_REPLIED = (
    0x2 | 0x4 | 0x8
)  # IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED (it may not differ)
TCP_ESTABLISHED = 3
MARK = 0x706F6477
TIMEOUT_S = 86_400
BATCH = 400
COUNTS = Path("/proc/sys/net/netfilter")


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


def fill() -> None:
    """Add entries until the kernel's own count stands at the limit (a little is left to live
    traffic)."""
    limit = read("nf_conntrack_max")
    with open_netlink() as netlink:
        for batch in batches(limit):
            netlink.send(batch)
            drain(netlink)
            if read("nf_conntrack_count") >= limit:
                return


def empty() -> None:
    mark = attribute(8, struct.pack(">I", MARK)) + attribute(21, struct.pack(">I", 0xFFFF_FFFF))
    with open_netlink(blocking=True) as netlink:
        netlink.send(message(DELETE, ACK, mark))
        reply = netlink.recv(1 << 16)
        code = struct.unpack_from("=i", reply, 16)[0]
        if code:
            raise SystemExit(f"conntrack entries were not removed: error {-code}")


if __name__ == "__main__":
    fill() if sys.argv[1:] == ["fill"] else empty()
