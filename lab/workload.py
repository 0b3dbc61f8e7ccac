"""The programs that the lab's pods run: servers and clients that make honest traffic.

Standard library only, run as `python -I -S workload.py MODE ARGS...` inside a pod's namespaces, so
that a dozen of them cost little. Names are resolved by the C library through the pod's own
resolv.conf.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

SMALL_BODY = b"ok " * 100
LARGE_BODY = b"catalogue entry " * 1024  # 16 KiB: several full-size segments
HUGE_BODY = LARGE_BODY * 512  # 8 MiB: more than any socket buffer holds
BODIES = ((b"/huge", HUGE_BODY), (b"/large", LARGE_BODY))
TIMEOUT_S = 3.0
Work = Callable[[], None]
KEPT_REQUESTS = 30  # on one connection, as proxies limit it; about 10 s here


def mode() -> str:
    """How this program shall misbehave: the first word of the file that LAB_MODE names, empty for
    not at all."""
    try:
        with open(os.environ["LAB_MODE"], encoding="ascii") as file:  # noqa: PTH123 - started with -S
            return file.read().strip()
    except (KeyError, OSError):
        return ""


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


OK, UNAVAILABLE, ERROR = "200 OK", "503 Service Unavailable", "500 Internal Server Error"


def response(path: bytes) -> bytes:
    status = status_for(path)
    return http_message(status, body_of(path) if status is OK else b"")


def status_for(path: bytes) -> str:
    if mode() == "errors":
        return ERROR
    not_ready = mode() == "not-ready" and path.startswith(b"/ready")
    return UNAVAILABLE if not_ready else OK


def http_message(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def body_of(path: bytes) -> bytes:
    return next((body for start, body in BODIES if path.startswith(start)), SMALL_BODY)


LISTENERS = {"loopback": ("127.0.0.1", 128), "no-accept": ("", 2)}  # mode: address, backlog
EVERY_ADDRESS = ("", 128)
ACCEPT_S = 0.2  # after which the mode is read again


def serve(port: str) -> None:
    """A small HTTP/1.1 server: keeps connections open unless the request says close.

    Modes: `loopback` listens on 127.0.0.1 only, `no-accept` leaves connections in a short queue,
    `reset` answers with a RST, `errors` with 500, `slow` after 2 s; `not-ready` fails the readiness
    probe and works on.
    """
    while True:
        serve_at(int(port), *listener_wanted())


def serve_at(port: int, address: str, backlog: int) -> None:
    """Until the mode asks for another listener."""
    with listening(port, address, backlog) as listener:
        log(f"listening on {address or '0.0.0.0'}:{port}")
        while listener_wanted() == (address, backlog):
            accept(listener)


def listener_wanted() -> tuple[str, int]:
    """Address and backlog, by the mode."""
    return LISTENERS.get(mode(), EVERY_ADDRESS)


def accept(listener: socket.socket) -> None:
    """The next connection, if there is one soon."""
    if mode() == "no-accept":
        time.sleep(ACCEPT_S)
    elif select.select([listener], [], [], ACCEPT_S)[0]:
        in_background(serve_one, listener.accept()[0])


def in_background(work: Callable[..., None], *arguments: Any) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()


def listening(port: int, address: str, backlog: int) -> socket.socket:
    """Of both families where the pod has them."""
    if not address and has_ipv6():
        return listening_on_both(port, backlog)
    return socket.create_server((address, port), backlog=backlog)


def listening_on_both(port: int, backlog: int) -> socket.socket:
    family = socket.AF_INET6
    return socket.create_server(("", port), family=family, backlog=backlog, dualstack_ipv6=True)


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), open("/proc/net/if_inet6") as addresses:  # noqa: PTH123
        return any(line.split()[-1] == "eth0" for line in addresses)
    return False


def serve_one(connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(120)
        for head in requests(connection):
            if not respond(connection, head):
                return


def requests(connection: socket.socket) -> Iterator[bytes]:
    """The heads of requests as they come; OSError when the client leaves."""
    buffer = b""
    while True:
        head, buffer = read_head(connection, buffer)
        yield head


def respond(connection: socket.socket, head: bytes) -> bool:
    """Answer a request; whether the connection is kept."""
    if mode() == "reset":
        reset(connection)
        return False
    send_response(connection, head)
    return b"connection: close" not in head.lower()


def send_response(connection: socket.socket, head: bytes) -> None:
    if mode() == "slow":
        time.sleep(2)
    connection.sendall(response(head.split(b" ", 2)[1]))


def reset(connection: socket.socket) -> None:
    """Closing it sends a RST."""
    log("dropping a connection: worker crashed")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def request(connection: socket.socket, host: str, path: str) -> None:
    """A request on a connection that is kept, and all of its answer."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    read_response(connection)


def read_response(connection: socket.socket) -> None:
    head, body = read_head(connection, b"")
    while len(body) < content_length(head):
        body += read_some(connection)


def read_head(connection: socket.socket, buffer: bytes) -> tuple[bytes, bytes]:
    """The head of a message that begins with `buffer`, and what came after it."""
    while b"\r\n\r\n" not in buffer:
        buffer += read_some(connection)
    head, _, rest = buffer.partition(b"\r\n\r\n")
    return head, rest


def content_length(head: bytes) -> int:
    return int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])


def read_some(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise OSError("closed early")
    return data


def paced(rate: float, work: Work) -> None:
    """Call `work` about `rate` times a second, for ever; a slow or failed call is simply late."""
    while True:
        due = time.monotonic() + random.uniform(0.8, 1.2) / rate
        attempt(work)
        sleep_until(due)


def sleep_until(due: float) -> None:
    time.sleep(max(0.0, due - time.monotonic()))


def attempt(work: Work) -> None:
    """What fails is a line of the log."""
    try:
        work()
    except (OSError, IndexError, ValueError) as error:
        log(f"failed: {type(error).__name__}: {error}")


def in_threads(count: int, rate: float, work: Work) -> None:
    for _ in range(count):
        in_background(paced, rate / count, work)
    wait_for_ever()


def wait_for_ever() -> None:
    threading.Event().wait()


def short(host: str, port: str, rate: str) -> None:
    """Open a connection, make one request, close it first: what leaves TIME_WAIT behind, here and
    in conntrack."""
    in_threads(4, float(rate), partial(connect_and_request, host, int(port)))


def connect_and_request(host: str, port: int) -> None:
    with socket.create_connection((host, port), TIMEOUT_S) as connection:
        request(connection, host, "/" if random.random() < 0.9 else "/large")


class Client(threading.local):
    """A client that keeps its connection: each thread has one of its own."""

    def __init__(self, host: str, port: str) -> None:
        self.host = host
        self.address = (host, int(port))
        self.connection: socket.socket | None = None
        self.left = 0  # requests that the connection is still good for

    def connected(self) -> socket.socket:
        if self.connection is None:
            self.connection = socket.create_connection(self.address, TIMEOUT_S)
            self.left = KEPT_REQUESTS
        return self.connection

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def request(self, path: str) -> None:
        """On the kept connection, which a failure ends."""
        try:
            request(self.connected(), self.host, path)
        except OSError:
            self.close()
            raise

    def ask_large(self) -> None:
        """A small or a large answer; after some of them the connection is replaced."""
        self.request(random.choice(("/", "/large")))
        self.left -= 1
        if self.left <= 0:
            self.close()

    def read_slowly(self) -> None:
        read_slowly(self.connected(), self.host)
        self.close()

    def download(self) -> None:
        if mode() == "slow-read":
            self.read_slowly()
        else:
            self.ask_large()

    def ask_patiently(self) -> None:
        """Without a timeout of its own."""
        self.connected().settimeout(None)
        self.request("/")


def keepalive(host: str, port: str, rate: str) -> None:
    """A few long-lived connections with large answers: what shows an MTU black hole."""
    in_threads(4, float(rate), Client(host, port).download)


def hold(host: str, port: str, rate: str) -> None:
    """Connections that are kept, with a request on each from time to time, and no timeout but TCP's
    own: what hangs for long where the other end is gone."""
    in_threads(6, float(rate), Client(host, port).ask_patiently)


def read_slowly(connection: socket.socket, host: str) -> None:
    """Read a little of 8 MiB from time to time: the receive window closes, and the sender waits."""
    ask_for_huge(connection, host)
    while mode() == "slow-read":
        connection.recv(16384)
        time.sleep(0.5)


def ask_for_huge(connection: socket.socket, host: str) -> None:
    log("reading slowly: the disk is busy")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
    connection.sendall(f"GET /huge HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())


NAMES = (
    "backend",
    "catalog.shop",
    "api.payments.example",
    "cdn.assets.example",
    "backend.shop.svc.cluster.local",
)


def lookups(rate: str, *names: str) -> None:
    """Resolve names as an application does; ndots:5 turns each outside name into several
    questions."""
    in_threads(2, float(rate), partial(resolve_one, names or NAMES))


def resolve_one(names: tuple[str, ...]) -> None:
    socket.getaddrinfo(random.choice(names), 80, type=socket.SOCK_STREAM)


def needs(name: str) -> None:
    """Start only if a dependency resolves; else fail, as an application that reads its
    configuration once."""
    log(f"starting: connecting to {name}")
    try:
        socket.getaddrinfo(name, 5432, type=socket.SOCK_STREAM)
    except OSError as error:
        log(f"fatal: cannot resolve {name}: {error}")
        raise SystemExit(1) from None
    wait_for_ever()


PROGRAMS: dict[str, Callable[..., None]] = {
    "serve": serve,
    "short": short,
    "keepalive": keepalive,
    "hold": hold,
    "lookups": lookups,
    "needs": needs,
}


def main(name: str, *arguments: str) -> None:
    if name not in PROGRAMS:
        raise SystemExit(f"unknown workload {name}")
    PROGRAMS[name](*arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    main(*sys.argv[1:])
