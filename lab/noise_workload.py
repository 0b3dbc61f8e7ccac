"""The programs of the namespace `noise`: what is healthy in life and looks alike to what fails.

Standard library only, run as `python -I -S noise_workload.py MODE ARGS...` inside a pod.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

POLL_PORT, LINGER_PORT, IDLE_PORT, HTTP_PORT, SYSLOG_PORT = 8090, 8091, 8092, 8093, 1514
LEADER_PORT, LEDGER_PORT = 7777, 8094
POLL_S = 12.0  # after which a long poll is answered, whatever has happened
PING_S = 5.0  # on an idle connection
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a RST in place of a FIN
SMALL, METRICS = b"ok " * 100, b"requests_total 12345\n" * 800
COMMON_PORTS = (22, 23, 80, 443, 3306, 5432, 6379, 8080, 9200, 9999)


def serve(port: int, answer: Callable[[socket.socket], None]) -> None:
    """A thread for each connection; `answer` is called with each."""
    with socket.create_server(("", port), backlog=256) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_answered, args=(connection, answer), daemon=True).start()


def _answered(connection: socket.socket, answer: Callable[[socket.socket], None]) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(120)
        answer(connection)


def http(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def answer_all(connection: socket.socket) -> None:
    while asked := connection.recv(4096):
        connection.sendall(http(METRICS if asked.startswith(b"GET /metrics") else SMALL))


def answer_late(connection: socket.socket) -> None:
    """A long poll: the answer comes when there is something to say, or after POLL_S."""
    while connection.recv(4096):
        time.sleep(POLL_S)
        connection.sendall(http(b""))


def answer_and_reset(connection: socket.socket) -> None:
    """Some programs end a connection so, to keep no TIME-WAIT; the answer is complete."""
    connection.recv(4096)
    connection.sendall(http(SMALL))
    time.sleep(0.02)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def hub() -> None:
    """Long polls, resets after complete answers, idle connections, plain HTTP, a syslog sink."""
    servers = (
        (POLL_PORT, answer_late),
        (LINGER_PORT, answer_and_reset),
        (IDLE_PORT, answer_all),
        (HTTP_PORT, answer_all),
    )
    for port, answer in servers:
        threading.Thread(target=serve, args=(port, answer), daemon=True).start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("", SYSLOG_PORT))
        while True:
            sink.recv(65_536)


def ledger(role: str) -> None:
    """Of a leader and its standby only the leader listens on the port that the probe asks."""
    if role == "leader":
        threading.Thread(target=serve, args=(LEADER_PORT, answer_all), daemon=True).start()
    serve(LEDGER_PORT, answer_all)


# --- clients


def every(seconds: float, work: Callable[[], None]) -> None:
    """Call it for ever in a thread; a call that fails is late."""

    def loop() -> None:
        while True:
            with contextlib.suppress(OSError):
                work()
            time.sleep(seconds * random.uniform(0.9, 1.1))

    threading.Thread(target=loop, daemon=True).start()


def ask(connection: socket.socket, path: str = "/") -> None:
    """A request, and all of its answer."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: hub\r\n\r\n".encode())
    got = b""
    while b"\r\n\r\n" not in got:
        got += _some(connection)
    head, _, body = got.partition(b"\r\n\r\n")
    left = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]) - len(body)
    while left > 0:
        left -= len(_some(connection))


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise OSError("closed early")
    return data


def once(host: str, port: int, path: str = "/") -> None:
    with socket.create_connection((host, port), 3.0) as connection:
        ask(connection, path)


def long_poll(host: str) -> None:
    with socket.create_connection((host, 80), 40.0) as connection:
        for _ in range(5):
            ask(connection, "/events")


def idle(host: str, count: int) -> None:
    """Websockets: a small ping on each from time to time."""
    opened = [socket.create_connection((host, 80), 5.0) for _ in range(count)]
    while True:
        time.sleep(PING_S)
        for connection in opened:
            ask(connection, "/ping")


def burst(host: str, count: int) -> None:
    """As a batch program that opens all of its connections at once."""
    threads = [threading.Thread(target=_quiet_once, args=(host,)) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _quiet_once(host: str) -> None:
    with contextlib.suppress(OSError):
        once(host, 80)


def connect_and_reset(host: str) -> None:
    """As a load balancer's TCP check."""
    connection = socket.create_connection((host, 80), 2.0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    connection.close()


def syslog(host: str) -> None:
    """Datagrams in one direction: nobody answers them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect((host, 514))
        while True:
            with contextlib.suppress(OSError):
                sender.send(b"<14>noise clients: a line of a log " + b"m" * 160)
            time.sleep(0.2)


def clients(outside: str) -> None:
    """Everything that asks; `outside` is the Service whose endpoint is outside of the cluster."""
    for _ in range(4):
        every(1.0, partial(long_poll, "hub-poll"))
    every(1.0, partial(once, "hub-linger", 80))
    every(5.0, partial(once, "hub", 80, "/metrics"))
    every(1.0, partial(once, outside, 5432))
    every(2.0, partial(connect_and_reset, "hub"))
    every(1.0, partial(idle, "hub-idle", 20))
    every(1.0, partial(syslog, "syslog"))
    every(30.0, partial(burst, "hub", 150))
    threading.Event().wait()


def watch(host: str, port: str) -> None:
    """As an operator: three watches of the API server, which say something from time to time."""
    for _ in range(3):
        every(1.0, partial(watch_once, host, int(port)))
    threading.Event().wait()


def watch_once(host: str, port: int) -> None:
    with socket.create_connection((host, port), 5.0) as connection:
        connection.settimeout(300.0)
        connection.sendall(b"\x17\x03\x03\x00\xfa" + bytes(250))
        while _some(connection):
            pass


def job(code: str) -> None:
    """A few requests, and an end."""
    for _ in range(3):
        once("hub", 80)
        time.sleep(0.5)
    raise SystemExit(int(code))


# --- probers


def own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect(("10.96.0.10", 53))
        return str(asking.getsockname()[0])


def is_open(address: str, port: int, seconds: float) -> bool:
    try:
        socket.create_connection((address, port), seconds).close()
    except OSError:
        return False
    return True


def scan() -> None:
    """A port scanner: addresses of the own network, ports on which mostly nobody listens. Beside
    it, as a monitor whose list is out of date: a closed port of a server that is there."""
    network = own_address().rpartition(".")[0]
    addresses = [f"{network}.{last}" for last in range(1, 16)]
    every(0.5, partial(sweep, addresses))
    every(5.0, partial(ask_closed_port, addresses))
    threading.Event().wait()


def sweep(addresses: list[str]) -> None:
    is_open(random.choice(addresses), random.choice(COMMON_PORTS), 0.3)


def ask_closed_port(addresses: list[str]) -> None:
    """Of the first that serves HTTP, as long as it does."""
    hub_at = next((one for one in addresses if is_open(one, HTTP_PORT, 0.3)), "")
    while hub_at and is_open(hub_at, HTTP_PORT, 1.0):
        is_open(hub_at, 9999, 1.0)
        time.sleep(1.0)


def main(arguments: list[str]) -> None:
    mode, rest = arguments[0], arguments[1:]
    modes: dict[str, Callable[..., None]] = {
        "hub": hub,
        "ledger": ledger,
        "clients": clients,
        "job": job,
        "scan": scan,
        "watch": watch,
    }
    modes[mode](*rest)


if __name__ == "__main__":
    main(sys.argv[1:])
