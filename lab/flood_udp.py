"""Send small datagrams as fast as one CPU can: softirq work for the node that gets them.

Run as `python -I -S flood_udp.py HOST PORT`, only between namespaces of the lab.
"""

from __future__ import annotations

import contextlib
import socket
import sys


def main(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((host, port))
        send, data = client.send, b"x"
        while True:
            with contextlib.suppress(OSError):
                while True:
                    send(data)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
