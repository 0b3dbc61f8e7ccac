"""Programs that send and answer datagrams.

Standard library only, run as `python -I -S udp_workload.py MODE ARGS...` inside a pod, as
workload.py is.
"""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Callable

Address = tuple[str, int]


_logged: dict[str, float] = {}  # when a line was


def log(text: str) -> None:
    """A line of the container's log; the same line at most every 2 s."""
    if not recently_logged(text):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def recently_logged(text: str) -> bool:
    """Whether that line was; from now on it is."""
    now = time.monotonic()
    recent = now - _logged.get(text, -9.0) < 2.0
    if not recent:
        _logged[text] = now
    return recent


def udp_socket(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("", port))
    return made


def echo(port: str) -> None:
    """Answer every datagram with itself."""
    server = udp_socket(int(port))
    log(f"listening on udp {port}")
    while True:
        data, peer = server.recvfrom(4096)
        server.sendto(data, peer)


def report(host: str, port: str, rate: str) -> None:
    """Send datagrams from one source port for ever, as a metrics agent does."""
    address = (socket.gethostbyname(host), int(port))
    send_metrics(udp_socket(40000), address, 1 / float(rate))


def send_metrics(client: socket.socket, address: Address, pause: float) -> None:
    client.settimeout(pause)
    while True:
        client.sendto(b"metric 1", address)
        await_answer(client)
        time.sleep(pause)


def await_answer(client: socket.socket) -> None:
    try:
        client.recv(4096)
    except OSError:
        log("no answer from the collector")


PROGRAMS: dict[str, Callable[..., None]] = {"echo": echo, "report": report}


def main(name: str, *arguments: str) -> None:
    PROGRAMS[name](*arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    main(*sys.argv[1:])
