"""The cluster's DNS server (RFC 1035): A answers for known names, NODATA for other types, NXDOMAIN
otherwise.

Standard library only, run as `python -I -S dns_workload.py` inside a pod, as workload.py is. Modes:
`slow` answers after 2.5 s, `servfail` with SERVFAIL, `truncate` over UDP with TC and no record
(RFC 2181, 9).
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

PORT, HEADER = 53, 12
LATE_S = 2.5
SERVFAIL = b"\x81\x82\0\1\0\0\0\0\0\0"
TRUNCATED = b"\x87\x80\0\1\0\0\0\0\0\0"
A_RECORD = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x1e\x00\x04"  # of the question's name, for 30 s
NO_SUCH_NAME = b"\x85\x83\0\1\0\0\0\0\0\0"
NO_DATA = b"\x85\x80\0\1\0\0\0\0\0\0"
ONE_RECORD = b"\x85\x80\0\1\0\1\0\0\0\0"
TYPE_A = 1
Zone = dict[str, str]
Peer = tuple[str, int]


def mode() -> str:
    """How this program shall misbehave: the first word of the file that LAB_MODE names."""
    try:
        with open(os.environ["LAB_MODE"], encoding="ascii") as file:  # noqa: PTH123 - started with -S
            return file.read().strip()
    except (KeyError, OSError):
        return ""


# --- messages


class DnsQuestion(NamedTuple):
    name: str
    kind: int
    end: int  # where it ends in the message


def read_question(message: bytes) -> DnsQuestion:
    labels = list(read_labels(message))
    end = HEADER + sum(1 + len(label) for label in labels) + 1
    kind = int.from_bytes(message[end : end + 2], "big")
    return DnsQuestion(text_of(labels), kind, end + 4)


def text_of(labels: list[bytes]) -> str:
    return b".".join(labels).decode("ascii", "replace").lower()


def read_labels(message: bytes) -> Iterator[bytes]:
    position = HEADER
    while length := message[position]:
        start, position = position + 1, position + 1 + length
        yield message[start:position]


def without_records(message: bytes, flags_and_counts: bytes) -> bytes:
    """An answer with the question alone."""
    end = read_question(message).end
    return message[:2] + flags_and_counts + message[12:end]


def answer(message: bytes, zone: Zone) -> bytes:
    question = read_question(message)
    if mode() == "servfail":
        return without_records(message, SERVFAIL)
    if question.name not in zone:
        return without_records(message, NO_SUCH_NAME)
    return with_address(message, zone[question.name], question.kind)


def with_address(message: bytes, address: str, kind: int) -> bytes:
    """A known name has one A record, and none of another type."""
    if kind != TYPE_A:
        return without_records(message, NO_DATA)
    return without_records(message, ONE_RECORD) + A_RECORD + socket.inet_aton(address)


# --- the zone


class ZoneFile:
    """Addresses by name, read again when the file has changed."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._changed = 0.0
        self._zone: Zone = {}

    def read(self) -> Zone:
        changed = os.stat(self._path).st_mtime  # noqa: PTH116 - started with -S
        if changed != self._changed:
            self._changed, self._zone = changed, read_zone(self._path)
        return self._zone


def read_zone(path: str) -> Zone:
    with open(path, encoding="ascii") as lines:  # noqa: PTH123 - started with -S
        return dict(line.split() for line in lines if line.strip())


# --- the server


def carry_out(work: Callable[..., None], *arguments: Any) -> None:
    """What is malformed, or from a client that has gone, has no answer."""
    with contextlib.suppress(OSError, IndexError):
        work(*arguments)


class LateAnswer(NamedTuple):
    due: float
    question: bytes
    peer: Peer


class LateAnswers:
    """What mode `slow` holds back."""

    def __init__(self, reply: Callable[[bytes, Peer], None]) -> None:
        self._reply = reply
        self._waiting: deque[LateAnswer] = deque()

    def add(self, question: bytes, peer: Peer) -> None:
        self._waiting.append(LateAnswer(time.monotonic() + LATE_S, question, peer))

    def poll_s(self) -> float | None:
        """How long the server may wait for questions; None for ever."""
        return 0.05 if self._waiting else None

    def send_due(self) -> None:
        while self._waiting and self._waiting[0].due <= time.monotonic():
            _, question, peer = self._waiting.popleft()
            carry_out(self._reply, question, peer)


class DnsServer:
    """On UDP and TCP; `late` are the answers that mode `slow` holds back."""

    def __init__(self, zone: ZoneFile) -> None:
        self.zone = zone
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("", PORT))
        self.tcp = socket.create_server(("", PORT))
        self.late = LateAnswers(self.reply)

    def serve(self) -> None:
        chooser = selectors.DefaultSelector()
        chooser.register(self.udp, selectors.EVENT_READ, self.read_datagram)
        chooser.register(self.tcp, selectors.EVENT_READ, self.accept)
        while True:
            ready = chooser.select(self.late.poll_s())
            self.late.send_due()
            for key, _ in ready:
                carry_out(key.data)

    def reply(self, message: bytes, peer: Peer) -> None:
        self.udp.sendto(answer(message, self.zone.read()), peer)

    def read_datagram(self) -> None:
        message, peer = self.udp.recvfrom(4096)
        if mode() == "slow":
            self.late.add(message, peer)
        elif mode() == "truncate":
            self.udp.sendto(without_records(message, TRUNCATED), peer)
        else:
            self.reply(message, peer)

    def accept(self) -> None:
        connection, _ = self.tcp.accept()
        with connection:
            connection.settimeout(1)
            self.reply_all(connection)

    def reply_all(self, connection: socket.socket) -> None:
        """Answer the questions of one TCP connection, each with its length in front."""
        while size := int.from_bytes(connection.recv(2), "big"):
            self.reply_over(connection, connection.recv(size))

    def reply_over(self, connection: socket.socket, message: bytes) -> None:
        data = answer(message, self.zone.read())
        connection.sendall(len(data).to_bytes(2, "big") + data)


def main() -> None:
    server = DnsServer(ZoneFile(os.environ["LAB_ZONE"]))
    sys.stdout.write(f".:{PORT} ready\n")
    sys.stdout.flush()
    server.serve()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    main()
