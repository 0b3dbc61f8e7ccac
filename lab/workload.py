"""The programs that the lab's pods run: servers and clients that make honest traffic.

Standard library only, run as `python -I -S workload.py MODE ARGS...` inside a pod's namespaces, so that a
dozen of them cost little. Names are resolved by the C library through the pod's own resolv.conf.
"""

from __future__ import annotations

import contextlib
import random
import selectors
import signal
import socket
import sys
import threading
import time

SMALL_BODY = b"ok " * 100
LARGE_BODY = b"catalogue entry " * 1024  # 16 KiB: several full-size segments
TIMEOUT_S = 3.0


def response(path: bytes) -> bytes:
    body = LARGE_BODY if path.startswith(b"/large") else SMALL_BODY
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def serve(port: int) -> None:
    """A small HTTP/1.1 server: keeps connections open unless the request says close."""
    listener = socket.create_server(("", port), backlog=128, reuse_port=False)
    while True:
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
        with contextlib.suppress(OSError, IndexError, ValueError):
            work()  # type: ignore[operator]
        jitter = random.uniform(0.8, 1.2)
        time.sleep(max(0.0, jitter / rate - (time.monotonic() - started)))


def in_threads(count: int, rate: float, work: object) -> None:
    for _ in range(count):
        threading.Thread(target=paced, args=(rate / count, work), daemon=True).start()
    threading.Event().wait()


def short(host: str, port: int, rate: float) -> None:
    """Open a connection, make one request, close it: what fills conntrack tables with TIME_WAIT."""

    def once() -> None:
        with socket.create_connection((host, port), TIMEOUT_S) as connection:
            request(connection, host, "/" if random.random() < 0.9 else "/large", close=True)

    in_threads(4, rate, once)


def keepalive(host: str, port: int, rate: float) -> None:
    """A few long-lived connections with large answers: what shows an MTU black hole."""
    local = threading.local()

    def once() -> None:
        if getattr(local, "connection", None) is None:
            local.connection = socket.create_connection((host, port), TIMEOUT_S)
        try:
            request(local.connection, host, random.choice(("/", "/large")), close=False)
        except OSError:
            local.connection.close()
            local.connection = None
            raise

    in_threads(4, rate, once)


NAMES = ("backend", "catalog.shop", "api.payments.example", "cdn.assets.example", "backend.shop.svc.cluster.local")


def lookups(rate: float) -> None:
    """Resolve names as an application does; ndots:5 turns each outside name into several questions."""

    def once() -> None:
        socket.getaddrinfo(random.choice(NAMES), 80, type=socket.SOCK_STREAM)

    in_threads(2, rate, once)


# --- DNS (RFC 1035): A answers for known names, NODATA for other types, NXDOMAIN otherwise


def read_question(message: bytes) -> tuple[str, int, int]:
    labels, position = [], 12
    while message[position]:
        length = message[position]
        labels.append(message[position + 1 : position + 1 + length].decode("ascii", "replace").lower())
        position += 1 + length
    kind = int.from_bytes(message[position + 1 : position + 3], "big")
    return ".".join(labels), kind, position + 5


def answer(message: bytes, zone: dict[str, str]) -> bytes:
    name, kind, end = read_question(message)
    address = zone.get(name)
    records = b""
    if address and kind == 1:
        records = b"\xc0\x0c\x00\x01\x00\x01" + (30).to_bytes(4, "big") + b"\x00\x04" + socket.inet_aton(address)
    flags = 0x8580 | (0 if address else 3)
    counts = (1).to_bytes(2, "big") + (1 if records else 0).to_bytes(2, "big") + b"\0\0\0\0"
    return message[:2] + flags.to_bytes(2, "big") + counts + message[12:end] + records


def load_zone(path: str) -> dict[str, str]:
    with open(path, encoding="ascii") as lines:  # noqa: PTH123 - started with -S, kept light
        return dict(line.split() for line in lines if line.strip())


def dns(path: str, port: int = 53) -> None:
    zone = load_zone(path)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("", port))
    tcp = socket.create_server(("", port))
    chooser = selectors.DefaultSelector()
    chooser.register(udp, selectors.EVENT_READ)
    chooser.register(tcp, selectors.EVENT_READ)
    while True:
        for key, _ in chooser.select():
            with contextlib.suppress(OSError, IndexError):
                if key.fileobj is udp:
                    message, peer = udp.recvfrom(4096)
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
    mode, rest = arguments[0], arguments[1:]
    if mode == "serve":
        serve(int(rest[0]))
    elif mode == "short":
        short(rest[0], int(rest[1]), float(rest[2]))
    elif mode == "keepalive":
        keepalive(rest[0], int(rest[1]), float(rest[2]))
    elif mode == "lookups":
        lookups(float(rest[0]))
    elif mode == "dns":
        dns(rest[0])
    else:
        raise SystemExit(f"unknown workload {mode}")


if __name__ == "__main__":
    main(sys.argv[1:])
