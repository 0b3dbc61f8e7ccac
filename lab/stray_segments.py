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

ETH_P_IP = 0x0800
# bytes beyond what the peer expects; conntrack mistakes what is behind for a retransmission
AHEAD = 5_000_000
PSH_ACK, WINDOW = 0x18, 512
EVERY_S = 1.0  # for each connection; one that lives shorter than this is spared


def checksum(data: bytes) -> int:
    """RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def segment(source: bytes, target: bytes, ports: tuple[int, int], seq: int, ack: int) -> bytes:
    payload = b"strayed "
    numbers = struct.pack(">HHII", *ports, seq & 0xFFFF_FFFF, ack & 0xFFFF_FFFF)
    head = numbers + struct.pack(">BBHI", 5 << 4, PSH_ACK, WINDOW, 0)  # no checksum yet, not urgent
    pseudo = source + target + struct.pack(">BBH", 0, socket.IPPROTO_TCP, len(head) + len(payload))
    total = checksum(pseudo + head + payload)
    return head[:16] + struct.pack(">H", total) + head[18:] + payload


def main(port: int) -> None:
    listening = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
    sending = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    last: dict[tuple[bytes, int], float] = {}
    while True:
        packet = listening.recv(2048)
        if len(packet) < 40 or packet[9] != socket.IPPROTO_TCP:
            continue
        start = (packet[0] & 15) * 4
        client_port, own_port, seq, ack = struct.unpack_from(">HHII", packet, start)
        source, target = packet[12:16], packet[16:20]
        flags = packet[start + 13]
        key = (source, client_port)
        now = time.monotonic()
        if own_port != port or flags != 0x18 or now - last.setdefault(key, now) < EVERY_S:
            continue
        last[key] = now
        # It acknowledges the request, as a server does: a RST gets its number from there, and only
        # the exact next one resets (RFC 5961 3.2).
        length = int.from_bytes(packet[2:4], "big") - start - (packet[start + 12] >> 4) * 4
        stray = segment(target, source, (port, client_port), ack + AHEAD, seq + length)
        sending.sendto(stray, (socket.inet_ntoa(source), 0))


if __name__ == "__main__":
    main(int(sys.argv[1]))
