"""Dumps over netlink (netlink(7)): the request, the pieces of the answer, its end, its errors."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable

ERROR, DONE = 2, 3
REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
BUFFER = 1 << 16  # the kernel sends 32 KiB at most; buffers from 128 KiB are mapped and unmapped
SECONDS = 5.0
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_HEAD = struct.Struct("=IH")  # its length and type
Receive = Callable[[bytes, int, int], None]  # a piece; where a message's body begins and ends in it
Run = Callable[[bytes, int], int]  # a piece and an offset: reads messages alike; where it stopped


def request(kind: int, body: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind, REQUEST_DUMP, 1, 0) + body


def walk(data: bytes, kind: int, receive: Receive, run: Run | None = None) -> bool:
    """Give the bodies of one kind of message in a piece of a dump to `receive`, except those that
    `run` read before; whether it was the last piece.

    OSError where the kernel refuses. A message shorter than its header says ends its piece.
    """
    offset, end, unpack = 0, len(data), _HEAD.unpack_from
    while True:
        if run is not None:
            offset = run(data, offset)
        if offset + 16 > end:
            return False
        length, found = unpack(data, offset)
        if length < 16 or offset + length > end:
            return False
        if found == kind:
            receive(data, offset + 16, offset + length)
        elif found == DONE:
            return True
        elif found == ERROR:
            number = -struct.unpack_from("=i", data, offset + 16)[0] if length >= 20 else 0
            raise OSError(number, os.strerror(number))
        offset += length + 3 & ~3


def dump(family: int, asked: bytes, kind: int, receive: Receive, run: Run | None = None) -> None:
    """Ask a netlink family and read the whole answer. OSError where it is refused or does not
    come."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family) as netlink:
        netlink.settimeout(SECONDS)
        netlink.send(asked)
        while not walk(netlink.recv(BUFFER), kind, receive, run):
            pass
