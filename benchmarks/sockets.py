"""Sockets and conntrack entries against the tools that print them, in a namespace of their own (as
root): python -m benchmarks sockets"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading

from pyroute2 import DiagSocket

from benchmarks.table import Ratio, compare, program
from collectors.conntrack import netlink_count
from collectors.sockets import inet_diag, ss

SOCKETS = 18_000
ENTRIES = 50_000
MARK = "PODWIRE_BENCH_ALONE"


def alone() -> None:
    """Go on in a network namespace of our own."""
    if MARK not in os.environ:
        os.environ[MARK] = "1"
        os.execvp("unshare", ["unshare", "-n", sys.executable, "-m", "benchmarks", "sockets"])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def connected() -> list[socket.socket]:
    """SOCKETS ends of connections over loopback."""
    listening = socket.create_server(("127.0.0.1", 7777), backlog=4096)
    found: list[socket.socket] = [listening]

    def accept() -> None:
        for _ in range(SOCKETS // 2):
            found.append(listening.accept()[0])

    accepting = threading.Thread(target=accept)
    accepting.start()
    for _ in range(SOCKETS // 2):
        found.append(socket.create_connection(("127.0.0.1", 7777)))
    accepting.join()
    return found


def with_pyroute2() -> int:
    with DiagSocket() as diag:
        diag.bind()
        return len(
            diag.get_sock_stats(
                family=socket.AF_INET, protocol=socket.IPPROTO_TCP, states=0xFFF, extensions=2
            )
        )


def tracked() -> None:
    for command in (
        "nft add table ip t",
        "nft add chain ip t o { type filter hook output priority 0; }",
        "nft add rule ip t o ct state new accept",
    ):
        subprocess.run(command.split(), check=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for number in range(ENTRIES):
            out.sendto(b"x", (f"127.0.1.{1 + number // 1000}", 1 + number % 1000))


def measure() -> list[Ratio]:
    held = connected()
    text = subprocess.run(["ss", "-tinHO"], capture_output=True, text=True, check=True).stdout
    show = program("ss", "-tinHO")
    found = [
        compare(
            f"parse ss -tinHO, {SOCKETS:,} sockets",
            "that ss",
            lambda: ss.parse(text, "tcp"),
            show,
            1,
        ),
        compare(
            f"inet_diag with tcp_info, {SOCKETS:,} sockets",
            "ss -tinHO",
            inet_diag.dump,
            show,
            2.5,
        ),
        compare("the same", "pyroute2 DiagSocket", inet_diag.dump, with_pyroute2, 10),
    ]
    del held
    tracked()
    listed = program("conntrack", "-L")
    found.append(
        compare(
            f"conntrack dump and grouping, {ENTRIES:,} entries",
            "conntrack -L",
            netlink_count.dump,
            listed,
            2,
        )
    )
    return found
