"""A resolver outside of the cluster, as nodes have one: it knows no name at all.

Standard library only, run as `python -I -S node_resolver.py ADDRESS` beside the nodes.
"""

from __future__ import annotations

import socket
import struct
import sys

PORT = 53
RESPONSE, NXDOMAIN = 0x8180, 3  # RFC 1035, 4.1.1: QR, RD, RA
HEADER = 12


def answer(question: bytes) -> bytes:
    """That the name does not exist."""
    number, _, count = struct.unpack(">HHH", question[:6])
    head = struct.pack(">HHH6x", number, RESPONSE | NXDOMAIN, count)
    return head + question[HEADER:]


def main(address: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, PORT))
        while True:
            question, peer = server.recvfrom(4096)
            if len(question) > HEADER:
                server.sendto(answer(question), peer)


if __name__ == "__main__":
    main(sys.argv[1])
