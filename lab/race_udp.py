"""Send pairs of datagrams from one socket at the same instant, as resolvers send A and AAAA
questions.

Where the destination is a Service with several endpoints, both packets may be translated before
either is entered into the connection tracking table: one loses and is dropped (insert_failed). Run
as `python -I -S race_udp.py HOST PORT`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterable

QUESTION = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\7backend\4shop\3svc\7cluster\5local\0\0\1\0\1"
SOCKETS = 12  # of a burst, a pair of datagrams each
STEP_NS = 30_000  # from one pair to the next
READY_NS = 4_000_000  # until the second process runs
SPIN_NS = 300_000  # a sleep may end so much later
PAUSE_S = 0.04
SECONDS = 3600.0
Address = tuple[str, int]


def main(address: Address) -> None:
    with contextlib.suppress(OSError):  # both senders run at once, however busy the CPUs are
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    cpus = sorted(os.sched_getaffinity(0))
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        burst(address, cpus[0], cpus[-1])
        time.sleep(PAUSE_S)


def burst(address: Address, one: int, other: int) -> None:
    """By two processes, on a CPU each: threads of one interpreter send one after the other."""
    clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(SOCKETS)]
    for client in clients:
        client.bind(("0.0.0.0", 0))
    start = time.monotonic_ns() + READY_NS
    child = os.fork()
    send(clients, address, start, cpu=other if child else one)
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    for client in clients:
        client.close()


def send(clients: Iterable[socket.socket], address: Address, start: int, cpu: int) -> None:
    os.sched_setaffinity(0, {cpu})
    time.sleep(max(0, start - SPIN_NS - time.monotonic_ns()) / 1e9)
    for number, client in enumerate(clients):
        while time.monotonic_ns() < start + number * STEP_NS:
            pass
        with contextlib.suppress(OSError):
            client.sendto(QUESTION, address)


if __name__ == "__main__":
    main((sys.argv[1], int(sys.argv[2])))
