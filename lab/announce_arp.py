"""Claim an IP address: announce it by gratuitous ARP each second, as another owner of it does, for
as long as this network namespace has it.

Run as `python -I -S announce_arp.py ADDRESS INTERFACE`; needs NET_RAW.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from pathlib import Path

ETH_P_ARP = 0x0806
REQUEST = 1
ETHERNET_IPV4 = struct.pack(">HHBB", 1, 0x0800, 6, 4)  # kinds and sizes of both addresses


def announcement(mac: bytes, address: bytes) -> bytes:
    """A request for one's own address (RFC 5227, 3)."""
    head = ETHERNET_IPV4 + REQUEST.to_bytes(2, "big")
    return broadcast_head(mac) + head + mac + address + bytes(6) + address


def broadcast_head(mac: bytes) -> bytes:
    """Ethernet's, of ARP to all stations."""
    return b"\xff" * 6 + mac + struct.pack(">H", ETH_P_ARP)


def main(address: str, interface: str) -> None:
    sending = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sending.bind((interface, ETH_P_ARP))
    frame = announcement(sending.getsockname()[4], socket.inet_aton(address))
    while f"|-- {address}\n" in Path("/proc/net/fib_trie").read_text():
        sending.send(frame)
        time.sleep(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
