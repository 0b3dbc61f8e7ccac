"""Remove UDP connection tracking entries towards given addresses from this network namespace.

What kube-proxy does when an endpoint of a UDP Service goes away: without it a client that keeps its
source port goes on talking to the dead endpoint for as long as it talks. Run as `python -I -S
forget_udp.py ADDRESS...`.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from lab.ctnetlink import (
    ACK,
    DELETE,
    TUPLE_ORIG,
    attributes,
    drain,
    dump,
    message,
    nest,
    open_netlink,
)


def destination(tuple_data: bytes) -> tuple[bytes, int]:
    """(destination address, protocol) of a CTA_TUPLE."""
    parts = dict(attributes(tuple_data))
    address = dict(attributes(parts.get(1, b""))).get(2, b"")
    protocol = dict(attributes(parts.get(2, b""))).get(1, b"\0")
    return address, protocol[0]


def forget(addresses: set[bytes]) -> None:
    with open_netlink(blocking=True) as netlink, open_netlink() as deleting:
        for entry in dump(netlink):
            original = dict(attributes(entry)).get(TUPLE_ORIG, b"")
            address, protocol = destination(original)
            if protocol == socket.IPPROTO_UDP and address in addresses:
                deleting.send(message(DELETE, ACK, nest(TUPLE_ORIG, original)))
                drain(deleting)


if __name__ == "__main__":
    forget({socket.inet_aton(a) for a in sys.argv[1:]})
