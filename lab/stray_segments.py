"""Send out-of-window TCP segments on the connections of this pod's server, as broken middleboxes
do.

A connection tracker calls such a segment INVALID and does not translate its address back; where the
node lets it pass, the client gets a segment from an address that it never spoke to, answers with a
RST, and the server drops the real connection (k8s 74839). Run as `python -I -S stray_segments.py
PORT`; needs NET_RAW.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from typing import NamedTuple

ETH_P_IP = 0x0800
# bytes beyond what the peer expects; conntrack mistakes what is behind for a retransmission
AHEAD = 5_000_000
PSH_ACK, WINDOW = 0x18, 512
PAYLOAD = b"strayed "
EVERY_S = 1.0  # for each connection; one that lives shorter than this is spared


def checksum(data: bytes) -> int:
    """RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def segment(source: bytes, target: bytes, ports: tuple[int, int], seq: int, ack: int) -> bytes:
    numbers = struct.pack(">HHII", *ports, seq & 0xFFFF_FFFF, ack & 0xFFFF_FFFF)
    head = numbers + struct.pack(">BBH", 5 << 4, PSH_ACK, WINDOW)
    rest = b"\0\0" + PAYLOAD  # not urgent
    pseudo = pseudo_header(source, target, len(head) + 2 + len(rest))
    return head + struct.pack(">H", checksum(pseudo + head + b"\0\0" + rest)) + rest


def pseudo_header(source: bytes, target: bytes, length: int) -> bytes:
    """What the checksum covers beside the segment (RFC 9293, 3.1)."""
    return source + target + struct.pack(">BBH", 0, socket.IPPROTO_TCP, length)


class Request(NamedTuple):
    """A segment with data from a client."""

    client: bytes
    server: bytes
    ports: tuple[int, int]  # the client's, the server's
    seq: int
    ack: int
    length: int

    def stray(self) -> bytes:
        """It acknowledges the request, as a server does: a RST gets its number from there, and only
        the exact next one resets (RFC 5961 3.2)."""
        seq, ack = self.ack + AHEAD, self.seq + self.length
        return segment(self.server, self.client, self.ports[::-1], seq, ack)


def read_request(packet: bytes) -> Request | None:
    """None for what is not TCP, or has no data pushed."""
    if len(packet) < 40 or packet[9] != socket.IPPROTO_TCP:
        return None
    start = (packet[0] & 15) * 4
    return _request(packet, start) if packet[start + 13] == PSH_ACK else None


def _request(packet: bytes, start: int) -> Request:
    """`start` is where its TCP header begins."""
    client_port, server_port, seq, ack = struct.unpack_from(">HHII", packet, start)
    length = int.from_bytes(packet[2:4], "big") - start - (packet[start + 12] >> 4) * 4
    return Request(
        client=packet[12:16],
        server=packet[16:20],
        ports=(client_port, server_port),
        seq=seq,
        ack=ack,
        length=length,
    )


class Pace:
    """One stray segment for each connection in EVERY_S, and none at once."""

    def __init__(self) -> None:
        self._last: dict[tuple[bytes, int], float] = {}

    def is_due(self, request: Request) -> bool:
        now, key = time.monotonic(), (request.client, request.ports[0])
        due = now - self._last.setdefault(key, now) >= EVERY_S
        if due:
            self._last[key] = now
        return due


def main(port: int) -> None:
    listening = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
    sending = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    pace = Pace()
    while True:
        request = read_request(listening.recv(2048))
        if request and request.ports[1] == port and pace.is_due(request):
            sending.sendto(request.stray(), (socket.inet_ntoa(request.client), 0))


if __name__ == "__main__":
    main(int(sys.argv[1]))
