"""Send pairs of datagrams from one socket at the same instant, as resolvers send A and AAAA
questions.

Where the destination is a Service with several endpoints, both packets may be translated before
either is entered into the connection tracking table: one loses and is dropped (insert_failed). Run
as `python -I -S race_udp.py HOST PORT`.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time

QUESTION = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\7backend\4shop\3svc\7cluster\5local\0\0\1\0\1"
SENDERS = 3
SECONDS = 3600.0


def main(host: str, port: int) -> None:
    address = (host, port)
    barrier = threading.Barrier(SENDERS + 1)
    current: list[socket.socket] = []

    def sender() -> None:
        while True:
            barrier.wait()
            with contextlib.suppress(OSError):
                current[0].sendto(QUESTION, address)
            barrier.wait()

    for _ in range(SENDERS):
        threading.Thread(target=sender, daemon=True).start()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            current[:] = [client]
            barrier.wait()
            barrier.wait()
        time.sleep(0.001)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
