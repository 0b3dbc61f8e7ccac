"""The programs of pods that are there while a fault is on: servers and clients with the habits that
known incidents are made of.

Standard library only, run as `python -I -S fault_workload.py MODE ARGS...`, as workload.py is.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

Address = tuple[str, int]
Answer = Callable[[socket.socket], None]
TIMEOUT_S = 3.0
REQUEST = b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n"
FLAP_S = 3.0


def mode() -> str:
    """How this program shall misbehave: the first word of the file that LAB_MODE names."""
    try:
        with open(os.environ["LAB_MODE"], encoding="ascii") as file:  # noqa: PTH123 - started with -S
            return file.read().strip()
    except (KeyError, OSError):
        return ""


def response(size: int, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * size


def address_of(host: str, port: str) -> Address:
    """Resolved once, so that a fault of names is none of connections."""
    return socket.getaddrinfo(host, int(port), socket.AF_INET)[0][4][:2]  # type: ignore[return-value]


# --- servers


def serve_one(connection: socket.socket, size: int, idle: float, *, closes: bool) -> None:
    """Answer every request; close after `idle` seconds without one, or after the first."""
    with connection, contextlib.suppress(OSError):
        connection.settimeout(idle)
        while asked := connection.recv(65536):
            connection.sendall(response(size))
            if closes or asks_to_close(asked):
                return


def asks_to_close(asked: bytes) -> bool:
    return b"connection: close" in asked.lower()


def accept_all(listener: socket.socket, answer: Answer) -> None:
    """Each connection in a thread of its own."""
    while True:
        if mode() == "stuck" and threading.current_thread().name == "worker 2":
            time.sleep(0.2)
        else:
            accept(listener, answer)


def accept(listener: socket.socket, answer: Answer) -> None:
    with contextlib.suppress(TimeoutError):
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def serve(port: str, idle: str = "120", size: str = "300", closes: str = "") -> None:
    """An HTTP server that closes connections which were idle for `idle` seconds; with `closes` it
    is the one who closes every connection, after its answer."""
    answer = partial(serve_one, size=int(size), idle=float(idle), closes=bool(closes))
    with listening(port) as listener:
        accept_all(listener, answer)


def listening(port: str) -> socket.socket:
    return socket.create_server(("", int(port)), backlog=128)


def workers(port: str) -> None:
    """Two workers with a listener each on the same port (SO_REUSEPORT), of which the kernel gives
    each 50 % of the connections. Mode `stuck`: the second accepts no more."""
    answer = partial(serve_one, size=300, idle=120.0, closes=False)
    for number in (1, 2):
        arguments = (shared_listener(int(port)), answer)
        threading.Thread(target=accept_all, args=arguments, name=f"worker {number}").start()


def shared_listener(port: int) -> socket.socket:
    """On a port that others may listen on, too."""
    listener = socket.socket()
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        listener.setsockopt(socket.SOL_SOCKET, option, 1)
    listener.bind(("", port))
    listener.listen(511)
    listener.settimeout(0.2)
    return listener


def flapping(port: str) -> None:
    """Serves; its readiness path says 503 in every second period of FLAP_S."""
    with listening(port) as listener:
        began = time.monotonic()
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                answer_once(connection, began)


def answer_once(connection: socket.socket, began: float) -> None:
    connection.settimeout(1)
    asked = connection.recv(4096)
    bad = int((time.monotonic() - began) / FLAP_S) % 2
    unready = asked.startswith(b"GET /ready") and bad
    connection.sendall(response(0, "503 Busy") if unready else response(300))


def udp_sink(port: str, seconds: str) -> None:
    """Reads datagrams, and works on each of them for so long."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("", int(port)))
        while True:
            server.recv(65536)
            time.sleep(float(seconds))


# --- clients


def read_response(connection: socket.socket) -> None:
    """Wait for a whole response; OSError where there is none."""
    buffer = b""
    while b"\r\n\r\n" not in buffer:
        buffer += read_some(connection)
    head, _, body = buffer.partition(b"\r\n\r\n")
    while len(body) < content_length(head):
        body += read_some(connection)


def content_length(head: bytes) -> int:
    return int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])


def read_some(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise OSError("closed early")
    return data


def in_threads(count: int, work: Callable[[], None]) -> None:
    for _ in range(count):
        threading.Thread(target=work, daemon=True).start()
    threading.Event().wait()


def pool(host: str, port: str, gap: str, count: str, patience: str = "3") -> None:
    """A pool of `count` connections: a request on each every `gap` seconds, without a look at
    whether the server closed it meanwhile."""
    address = address_of(host, port)
    in_threads(int(count), partial(keep_asking, address, float(gap), float(patience)))


def keep_asking(address: Address, gap: float, patience: float) -> None:
    """On one connection as long as it holds, after that on another."""
    while True:
        with contextlib.suppress(OSError):
            ask_for_ever(address, gap, patience)
        time.sleep(0.2)


def ask_for_ever(address: Address, gap: float, patience: float) -> None:
    with socket.create_connection(address, patience) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            ask(connection)
            time.sleep(gap)


def ask(connection: socket.socket) -> None:
    connection.sendall(REQUEST)
    read_response(connection)


def short(host: str, port: str, rate: str) -> None:
    """A connection for every request, `rate` a second."""
    in_threads(4, partial(connect_often, address_of(host, port), 4 / float(rate)))


def connect_often(address: Address, every_s: float) -> None:
    while True:
        due = time.monotonic() + every_s
        with contextlib.suppress(OSError):
            connect_and_ask(address)
        time.sleep(max(0.0, due - time.monotonic()))


def connect_and_ask(address: Address) -> None:
    with socket.create_connection(address, TIMEOUT_S) as connection:
        ask(connection)


def udp_send(host: str, port: str, rate: str, size: str) -> None:
    """Datagrams for ever, in bursts of eight; no answer is expected."""
    address, data = address_of(host, port), b"<14>" + b"m" * int(size)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        while True:
            send_burst(client, data, address)
            time.sleep(8 / float(rate))


def send_burst(client: socket.socket, data: bytes, address: Address) -> None:
    for _ in range(8):
        with contextlib.suppress(OSError):
            client.sendto(data, address)


def udp_ask(host: str, port: str, rate: str) -> None:
    """A datagram from a port of its own for every request, as resolvers do."""
    address = address_of(host, port)
    while True:
        ask_once(b"request", address)
        time.sleep(1 / float(rate))


def ask_once(data: bytes, address: Address) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client, contextlib.suppress(OSError):
        client.settimeout(0.3)
        client.connect(address)
        client.send(data)
        client.recv(4096)


def resolve(name: str, server: str, rate: str) -> None:
    """Asks a resolver for a name, for ever."""
    labels = b"".join(bytes([len(one)]) + one.encode() for one in name.split("."))
    for number in itertools.cycle(range(1, 65536)):
        head = struct.pack(">HHH6x", number, 0x0100, 1)
        ask_once(head + labels + b"\0" + struct.pack(">HH", 1, 1), (server, 53))
        time.sleep(1 / float(rate))


PROGRAMS: dict[str, Callable[..., None]] = {
    "serve": serve,
    "workers": workers,
    "flapping": flapping,
    "udp-sink": udp_sink,
    "pool": pool,
    "short": short,
    "udp-send": udp_send,
    "udp-ask": udp_ask,
    "resolve": resolve,
}


def main(arguments: list[str]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    PROGRAMS[arguments[0]](*arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
