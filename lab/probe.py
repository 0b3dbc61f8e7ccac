"""Plain clients, run inside a pod or node of the lab, that say in a word what happened.

`python -I -S probe.py tcp|http|timed|dns|udp|mtu …` prints how each try ended, most frequent first,
as `ok 4/5 timeout 1/5`. `counters SECONDS NAME…` prints by how much counters of this network
namespace grew. Used to prove that faults are real; standard library only, none of podwire's own
parsers.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
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
        data = b"".join(iter(lambda: connection.recv(65536), b""))
    return judged(data) if data else "empty"


def judged(data: bytes) -> str:
    """A whole answer by its status code, or `short`."""
    head, _, body = data.partition(b"\r\n\r\n")
    if len(body) != content_length(head):
        return "short"
    code = status_code(head)
    return "ok" if code == "200" else code


def status_code(head: bytes) -> str:
    return head.split(b" ")[1].decode()


def content_length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])


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
    return speed(elapsed) if word == "ok" else word


def speed(elapsed: float) -> str:
    return "fast" if elapsed < 0.05 else "slow"


def mtu(host: str) -> str:
    """The path MTU that the kernel assumes for a destination to which nothing was sent yet."""
    with udp_client(host, 9) as client:
        return f"mtu={client.getsockopt(socket.IPPROTO_IP, 14)}"  # IP_MTU


def udp(host: str, port: str) -> str:
    with udp_client(host, int(port)) as client:
        client.send(b"hello")
        client.recv(100)
    return "ok"


@contextlib.contextmanager
def udp_client(host: str, port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(TIMEOUT_S)
        client.connect((host, port))
        yield client


def read_counters() -> dict[str, int]:
    """Of this network namespace: SNMP, conntrack, softnet; and the softirq time of the machine."""
    return {
        **_snmp_counters("snmp"),
        **_snmp_counters("netstat"),
        **_conntrack_counters(),
        "softnet_time_squeeze": _time_squeezes(),
        "cpu_softirq": _softirq_time(),
    }


def _time_squeezes() -> int:
    rows = Path("/proc/net/softnet_stat").read_text().splitlines()
    return sum(int(row.split()[2], 16) for row in rows)


def _softirq_time() -> int:
    """Of all CPUs, in 1/100 s."""
    return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[7])


def _snmp_counters(name: str) -> dict[str, int]:
    """/proc/net/snmp and netstat: a line of names, and a line of values."""
    found: dict[str, int] = {}
    lines = Path(f"/proc/net/{name}").read_text().splitlines()
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        found |= _snmp_row(names, values)
    return found


def _snmp_row(names: str, values: str) -> dict[str, int]:
    title, _, keys = names.partition(":")
    numbers = map(int, values.split()[1:])
    return {title + key: number for key, number in zip(keys.split(), numbers, strict=True)}


def _conntrack_counters() -> dict[str, int]:
    """/proc/net/stat/nf_conntrack: a row of names, and a row of hexadecimal values for each CPU."""
    names, *rows = map(str.split, Path("/proc/net/stat/nf_conntrack").read_text().splitlines())
    columns = zip(names, zip(*rows, strict=True), strict=True)
    found = {f"conntrack_{name}": _sum_of_hex(values) for name, values in columns}
    count = Path("/proc/sys/net/netfilter/nf_conntrack_count").read_text()
    return {**found, "conntrack_count": int(count)}


def _sum_of_hex(values: Iterable[str]) -> int:
    return sum(int(value, 16) for value in values)


def counters(seconds: str, *names: str) -> None:
    before = read_counters()
    time.sleep(float(seconds))
    after = read_counters()
    say(f"{n}={after.get(n, 0) - before.get(n, 0)}" for n in names)


def say(words: Iterable[str]) -> None:
    sys.stdout.write(" ".join(words) + "\n")


CLIENTS: dict[str, Callable[..., str]] = {
    "tcp": tcp,
    "http": http,
    "dns": dns,
    "udp": udp,
    "timed": timed,
    "mtu": mtu,
}


def attempt(kind: str, arguments: list[str]) -> str:
    try:
        return CLIENTS[kind](*arguments)
    except (OSError, ValueError) as error:
        return word_for(error)


def tries(kind: str, *arguments: str) -> None:
    """The last argument is how often."""
    *own, count = arguments
    words = Counter(attempt(kind, own) for _ in range(int(count)))
    say(f"{word} {n}/{count}" for word, n in words.most_common())


def main(kind: str, *arguments: str) -> None:
    if kind == "counters":
        counters(*arguments)
    else:
        tries(kind, *arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
