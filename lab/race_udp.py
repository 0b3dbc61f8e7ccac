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
from collections.abc import Sequence

QUESTION = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\7backend\4shop\3svc\7cluster\5local\0\0\1\0\1"
SOCKETS = 32  # of a burst
PAUSE_S = 0.1
AHEAD_NS, STEP_NS = 6_000_000, 30_000  # a process begins on its CPU, and what one socket needs
SECONDS = 3600.0


def main(host: str, port: int) -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        burst((host, port))
        time.sleep(PAUSE_S)


def burst(address: tuple[str, int]) -> None:
    """Two processes, each on a CPU of its own, send from the same sockets at the same instants."""
    with contextlib.ExitStack() as ends:
        clients = [ends.enter_context(_bound()) for _ in range(SOCKETS)]
        start = time.monotonic_ns() + AHEAD_NS
        child = os.fork()
        send(clients, address, start, cpu=1 if child else 0)
        if not child:
            os._exit(0)
        os.waitpid(child, 0)


def _bound() -> socket.socket:
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind(("0.0.0.0", 0))
    return client


def send(
    clients: Sequence[socket.socket], address: tuple[str, int], start: int, *, cpu: int
) -> None:
    with contextlib.suppress(OSError):
        cpus = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cpus[cpu % len(cpus)]})
    for number, client in enumerate(clients):
        while time.monotonic_ns() < start + number * STEP_NS:
            pass
        with contextlib.suppress(OSError):
            client.sendto(QUESTION, address)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
