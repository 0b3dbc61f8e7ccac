"""Plain clients, run inside a pod or node of the lab, that say in a word what happened.

`python -I -S probe.py tcp|http|timed|dns|udp|mtu …` prints how each try ended, most frequent first,
as `ok 4/5 timeout 1/5`. `counters SECONDS NAME…` prints by how much counters of this network
namespace grew. Used to prove that faults are real; standard library only, none of podwire's own
parsers.
"""

from __future__ import annotations

import errno
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

TIMEOUT_S = 1.5
WORDS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EADDRNOTAVAIL: "no-port",
    errno.ETIMEDOUT: "timeout",
}


def word_for(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "no-such-name" if error.errno == socket.EAI_NONAME else "no-answer"
    if isinstance(error, TimeoutError):
        return "timeout"
    return WORDS.get(getattr(error, "errno", 0) or 0, type(error).__name__)


def tcp(host: str, port: str) -> str:
    socket.create_connection((host, int(port)), TIMEOUT_S).close()
    return "ok"


def http(host: str, port: str, path: str) -> str:
    with socket.create_connection((host, int(port)), TIMEOUT_S) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
        data = b""
        while piece := connection.recv(65536):
            data += piece
    if not data:
        return "empty"
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    code = head.split(b" ")[1].decode()
    return ("ok" if code == "200" else code) if len(body) == length else "short"


def dns(name: str) -> str:
    started = time.monotonic()
    socket.getaddrinfo(name, 80, socket.AF_INET, socket.SOCK_STREAM)
    return "ok" if time.monotonic() - started < 1 else "slow"


def timed(host: str, port: str, path: str) -> str:
    """Whether one request needs longer than 50 ms, which no request of a healthy lab does."""
    started = time.monotonic()
    word = http(host, port, path)
    elapsed = time.monotonic() - started
    time.sleep(0.07)  # so that tries fall into different moments of whatever slows them
    return word if word != "ok" else "fast" if elapsed < 0.05 else "slow"


def mtu(host: str) -> str:
    """The path MTU that the kernel assumes for a destination to which nothing was sent yet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((host, 9))
        return f"mtu={client.getsockopt(socket.IPPROTO_IP, 14)}"  # IP_MTU


def udp(host: str, port: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(TIMEOUT_S)
        client.connect((host, int(port)))
        client.send(b"hello")
        client.recv(100)
    return "ok"


def read_counters() -> dict[str, int]:
    """Of this network namespace: SNMP, conntrack, softnet; and the softirq time of the machine."""
    softnet = [row.split() for row in Path("/proc/net/softnet_stat").read_text().splitlines()]
    all_cpus = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return {
        **_snmp_counters("snmp"),
        **_snmp_counters("netstat"),
        **_conntrack_counters(),
        "softnet_time_squeeze": sum(int(row[2], 16) for row in softnet),
        "cpu_softirq": int(all_cpus[7]),  # 1/100 s
    }


def _snmp_counters(name: str) -> dict[str, int]:
    """/proc/net/snmp and netstat: a line of names, and a line of values."""
    found: dict[str, int] = {}
    lines = Path(f"/proc/net/{name}").read_text().splitlines()
    for head, values in zip(lines[::2], lines[1::2], strict=True):
        title = head.split(":")[0]
        for key, value in zip(head.split()[1:], values.split()[1:], strict=True):
            found[title + key] = int(value)
    return found


def _conntrack_counters() -> dict[str, int]:
    """/proc/net/stat/nf_conntrack: a row of names, and a row of hexadecimal values for each CPU."""
    head, *rows = map(str.split, Path("/proc/net/stat/nf_conntrack").read_text().splitlines())
    found = {
        f"conntrack_{key}": sum(int(row[column], 16) for row in rows)
        for column, key in enumerate(head)
        if key != "entries"
    }
    count = Path("/proc/sys/net/netfilter/nf_conntrack_count").read_text()
    return {**found, "conntrack_count": int(count)}


def counters(seconds: str, *names: str) -> None:
    before = read_counters()
    time.sleep(float(seconds))
    after = read_counters()
    sys.stdout.write(" ".join(f"{n}={after.get(n, 0) - before.get(n, 0)}" for n in names) + "\n")


def main(arguments: list[str]) -> None:
    kind, *rest = arguments
    clients: dict[str, Callable[..., str]] = {
        "tcp": tcp,
        "http": http,
        "dns": dns,
        "udp": udp,
        "timed": timed,
        "mtu": mtu,
    }
    if kind == "counters":
        counters(*rest)
        return
    *rest, count = rest
    tries: Counter[str] = Counter()
    for _ in range(int(count)):
        try:
            tries[clients[kind](*rest)] += 1
        except (OSError, ValueError) as error:
            tries[word_for(error)] += 1
    sys.stdout.write(" ".join(f"{word} {n}/{count}" for word, n in tries.most_common()) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
