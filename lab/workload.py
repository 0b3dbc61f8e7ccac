"""The programs that the lab's pods run: servers and clients that make honest traffic.

Standard library only, run as `python -I -S workload.py MODE ARGS...` inside a pod's namespaces, so
that a dozen of them cost little. Names are resolved by the C library through the pod's own
resolv.conf.
"""

from __future__ import annotations

import contextlib
import os
import random
import selectors
import signal
import socket
import struct
import sys
import threading
import time

SMALL_BODY = b"ok " * 100
LARGE_BODY = b"catalogue entry " * 1024  # 16 KiB: several full-size segments
HUGE_BODY = LARGE_BODY * 512  # 8 MiB: more than any socket buffer holds
TIMEOUT_S = 3.0
KEPT_REQUESTS = 30  # on one connection, as proxies limit it; about 10 s here


def mode() -> str:
    """How this program shall misbehave: the first word of the file that LAB_MODE names, empty for
    not at all."""
    try:
        with open(os.environ["LAB_MODE"], encoding="ascii") as file:  # noqa: PTH123 - started with -S
            return file.read().strip()
    except (KeyError, OSError):
        return ""


_said: dict[str, float] = {}


def log(text: str) -> None:
    """A line of the container's log; the same line at most every 2 s."""
    now = time.monotonic()
    if now - _said.get(text, -9.0) >= 2.0:
        _said[text] = now
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def response(path: bytes) -> bytes:
    wanted = mode()
    if path.startswith(b"/ready") and wanted == "not-ready":
        return b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
    if wanted == "errors":
        return b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
    body = (
        HUGE_BODY
        if path.startswith(b"/huge")
        else LARGE_BODY
        if path.startswith(b"/large")
        else SMALL_BODY
    )
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def serve(port: int) -> None:
    """A small HTTP/1.1 server: keeps connections open unless the request says close.

    Modes: `loopback` listens on 127.0.0.1 only, `no-accept` leaves connections in a short queue,
    `reset` answers with a RST, `errors` with 500, `slow` after 2 s; `not-ready` fails the readiness
    probe and works on.
    """
    while True:
        wanted = mode()
        where = "127.0.0.1" if wanted == "loopback" else ""
        backlog = 2 if wanted == "no-accept" else 128
        with socket.create_server((where, port), backlog=backlog) as listener:
            log(f"listening on {where or '0.0.0.0'}:{port}")
            listener.settimeout(0.2)
            while (now := mode()) == wanted or {now, wanted}.isdisjoint({"loopback", "no-accept"}):
                wanted = now
                if wanted == "no-accept":
                    time.sleep(0.2)
                    continue
                with contextlib.suppress(TimeoutError):
                    connection, _ = listener.accept()
                    threading.Thread(target=serve_one, args=(connection,), daemon=True).start()


def serve_one(connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(120)
        buffer = b""
        while True:
            while b"\r\n\r\n" not in buffer:
                data = connection.recv(4096)
                if not data:
                    return
                buffer += data
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            if (wanted := mode()) == "reset":
                log("dropping a connection: worker crashed")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if wanted == "slow":
                time.sleep(2)
            connection.sendall(response(head.split(b" ", 2)[1]))
            if b"connection: close" in head.lower():
                return


def request(connection: socket.socket, host: str, path: str, close: bool) -> None:
    header = "Connection: close\r\n" if close else ""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{header}\r\n".encode())
    buffer = b""
    while b"\r\n\r\n" not in buffer:
        buffer += read_some(connection)
    head, _, body = buffer.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += read_some(connection)


def read_some(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise OSError("closed early")
    return data


def paced(rate: float, work: object) -> None:
    """Call `work` about `rate` times a second, for ever; a slow or failed call is simply late."""
    while True:
        started = time.monotonic()
        try:
            work()  # type: ignore[operator]
        except (OSError, IndexError, ValueError) as error:
            log(f"failed: {type(error).__name__}: {error}")
        jitter = random.uniform(0.8, 1.2)
        time.sleep(max(0.0, jitter / rate - (time.monotonic() - started)))


def in_threads(count: int, rate: float, work: object) -> None:
    for _ in range(count):
        threading.Thread(target=paced, args=(rate / count, work), daemon=True).start()
    threading.Event().wait()


def short(host: str, port: int, rate: float) -> None:
    """Open a connection, make one request, close it first: what leaves TIME_WAIT behind, here and
    in conntrack."""

    def once() -> None:
        with socket.create_connection((host, port), TIMEOUT_S) as connection:
            request(connection, host, "/" if random.random() < 0.9 else "/large", close=False)

    in_threads(4, rate, once)


def keepalive(host: str, port: int, rate: float) -> None:
    """A few long-lived connections with large answers: what shows an MTU black hole."""
    local = threading.local()

    def once() -> None:
        if getattr(local, "connection", None) is None:
            local.connection, local.left = (
                socket.create_connection((host, port), TIMEOUT_S),
                KEPT_REQUESTS,
            )
        if mode() == "slow-read":
            read_slowly(local.connection, host)
            local.connection = None
            return
        try:
            request(local.connection, host, random.choice(("/", "/large")), close=False)
            local.left -= 1
        except OSError:
            local.left = 0
            raise
        finally:
            if local.left <= 0:
                local.connection.close()
                local.connection = None

    in_threads(4, rate, once)


def read_slowly(connection: socket.socket, host: str) -> None:
    """Ask for 8 MiB and read a little of it from time to time: the receive window closes, and the
    sender waits."""
    log("reading slowly: the disk is busy")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
    connection.sendall(f"GET /huge HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    while mode() == "slow-read":
        connection.recv(16384)
        time.sleep(0.5)
    connection.close()


NAMES = (
    "backend",
    "catalog.shop",
    "api.payments.example",
    "cdn.assets.example",
    "backend.shop.svc.cluster.local",
)


def lookups(rate: float, names: tuple[str, ...] = NAMES) -> None:
    """Resolve names as an application does; ndots:5 turns each outside name into several
    questions."""

    def once() -> None:
        socket.getaddrinfo(random.choice(names), 80, type=socket.SOCK_STREAM)

    in_threads(2, rate, once)


def echo(port: int) -> None:
    """Answer every datagram with itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("", port))
        log(f"listening on udp {port}")
        while True:
            data, peer = server.recvfrom(4096)
            server.sendto(data, peer)


def report(host: str, port: int, rate: float) -> None:
    """Send datagrams from one source port for ever, as a metrics agent does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("", 40000))
        client.settimeout(1 / rate)
        address = socket.gethostbyname(host)
        while True:
            client.sendto(b"metric 1", (address, port))
            try:
                client.recv(4096)
            except OSError:
                log("no answer from the collector")
            time.sleep(1 / rate)


def needs(name: str) -> None:
    """Start only if a dependency resolves; else fail, as an application that reads its
    configuration once."""
    log(f"starting: connecting to {name}")
    try:
        socket.getaddrinfo(name, 5432, type=socket.SOCK_STREAM)
    except OSError as error:
        log(f"fatal: cannot resolve {name}: {error}")
        raise SystemExit(1) from None
    threading.Event().wait()


# --- DNS (RFC 1035): A answers for known names, NODATA for other types, NXDOMAIN otherwise


def read_question(message: bytes) -> tuple[str, int, int]:
    labels, position = [], 12
    while message[position]:
        length = message[position]
        labels.append(
            message[position + 1 : position + 1 + length].decode("ascii", "replace").lower()
        )
        position += 1 + length
    kind = int.from_bytes(message[position + 1 : position + 3], "big")
    return ".".join(labels), kind, position + 5


def answer(message: bytes, zone: dict[str, str]) -> bytes:
    name, kind, end = read_question(message)
    if mode() == "servfail":
        return message[:2] + b"\x81\x82\0\1\0\0\0\0\0\0" + message[12:end]
    address = zone.get(name)
    records = b""
    if address and kind == 1:
        records = (
            b"\xc0\x0c\x00\x01\x00\x01"
            + (30).to_bytes(4, "big")
            + b"\x00\x04"
            + socket.inet_aton(address)
        )
    flags = 0x8580 | (0 if address else 3)
    counts = (1).to_bytes(2, "big") + (1 if records else 0).to_bytes(2, "big") + b"\0\0\0\0"
    return message[:2] + flags.to_bytes(2, "big") + counts + message[12:end] + records


_zone: tuple[float, dict[str, str]] = (0.0, {})


def load_zone(path: str) -> dict[str, str]:
    """name: address of the zone file, read again when it has changed."""
    global _zone
    changed = os.stat(path).st_mtime  # noqa: PTH116
    if changed != _zone[0]:
        _zone = (changed, read_zone(path))
    return _zone[1]


def read_zone(path: str) -> dict[str, str]:
    with open(path, encoding="ascii") as lines:  # noqa: PTH123 - started with -S
        return dict(line.split() for line in lines if line.strip())


def dns(path: str, port: int = 53) -> None:
    """Modes: `slow` answers after 2.5 s, `servfail` with SERVFAIL."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("", port))
    tcp = socket.create_server(("", port))
    log(f".:{port} ready")
    chooser = selectors.DefaultSelector()
    chooser.register(udp, selectors.EVENT_READ)
    chooser.register(tcp, selectors.EVENT_READ)
    late: list[tuple[float, bytes, tuple[str, int]]] = []
    while True:
        ready = chooser.select(0.05 if late else None)
        zone = load_zone(path)
        while late and late[0][0] <= time.monotonic():
            _, message, peer = late.pop(0)
            with contextlib.suppress(OSError, IndexError):
                udp.sendto(answer(message, zone), peer)
        for key, _ in ready:
            with contextlib.suppress(OSError, IndexError):
                if key.fileobj is udp:
                    message, peer = udp.recvfrom(4096)
                    if mode() == "slow":
                        late.append((time.monotonic() + 2.5, message, peer))
                    else:
                        udp.sendto(answer(message, zone), peer)
                else:
                    dns_over_tcp(tcp, zone)


def dns_over_tcp(listener: socket.socket, zone: dict[str, str]) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(1)
        size = int.from_bytes(connection.recv(2), "big")
        reply = answer(connection.recv(size), zone)
        connection.sendall(len(reply).to_bytes(2, "big") + reply)


def main(arguments: list[str]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    name, rest = arguments[0], arguments[1:]
    if name == "serve":
        serve(int(rest[0]))
    elif name in ("short", "keepalive", "report"):
        {"short": short, "keepalive": keepalive, "report": report}[name](
            rest[0], int(rest[1]), float(rest[2])
        )
    elif name == "lookups":
        lookups(float(rest[0]), tuple(rest[1:]) or NAMES)
    elif name == "dns":
        dns(os.environ["LAB_ZONE"])
    elif name == "echo":
        echo(int(rest[0]))
    elif name == "needs":
        needs(rest[0])
    else:
        raise SystemExit(f"unknown workload {name}")


if __name__ == "__main__":
    main(sys.argv[1:])
