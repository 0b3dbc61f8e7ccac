"""`podwire pcap FILE -o jsonl --flows` as a program, its start and its JSON included, against
`tcpdump -nr FILE`, both to /dev/null: python -m benchmarks flows

CPU seconds (user and system), so that a busy machine does not count; the two in turn. Few flows are
whole connections with requests and answers, many are a scan: SYNs, some of them refused, and DNS,
of 39 addresses or each of an address of its own (of which tcpdump keeps the text, too).
"""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.packets import ETHERNET
from benchmarks.table import RUNS, Ratio
from collectors.capture.pcap import packed_header, packed_packets
from collectors.packet import Packet

COUNT = 300_000
FEW, MANY = 3_000, 284_000
START_NS, STEP_NS = 1_700_000_000_000_000_000, 5_000
TCP, UDP = 6, 17
SYN, ACK, PSH, FIN, RST = 2, 16, 8, 1, 4
MAC = b"\2\0\0\0\0\2\2\0\0\0\0\1\x08\0"
MSS = b"\2\4\5\xb4\4\2\1\1"
REQUEST, RESPONSE = 200, 1400  # bytes
End = tuple[int, int]  # address, port
SERVER: End = (0x0A600A0A, 443)
DNS_SERVER: End = (0x0A60000A, 53)


def _ip(protocol: int, source: End, destination: End, body: bytes) -> bytes:
    head = (0x45, 0, 20 + len(body), 1, 0x4000, 64, protocol, 0, source[0], destination[0])
    return MAC + struct.pack("!BBHHHBBHII", *head) + body


def tcp(source: End, destination: End, where: tuple[int, int, int], rest: bytes = b"") -> bytes:
    """A frame; `where`: sequence, acknowledgment, flags. `rest` of a SYN are options, else data."""
    sequence, acknowledgment, flags = where
    words = 5 + (len(rest) // 4 if flags & SYN else 0)
    numbers = (sequence, acknowledgment, words << 4, flags, 64_240, 0, 0)
    head = struct.pack("!HHIIBBHHH", source[1], destination[1], *numbers)
    return _ip(TCP, source, destination, head + rest)


def question(source: End, number: int) -> bytes:
    """A frame with a DNS question."""
    label = f"name{number:06d}".encode()
    body = struct.pack("!HHHHHH", number & 0xFFFF, 0x100, 1, 0, 0, 0)
    body += bytes([len(label)]) + label + b"\3svc\7cluster\5local\0" + struct.pack("!HH", 1, 1)
    head = struct.pack("!HHHH", source[1], DNS_SERVER[1], 8 + len(body), 0)
    return _ip(UDP, source, DNS_SERVER, head + body)


def client(number: int, spread: bool = False) -> End:
    if spread:
        return number * 2_654_435_761 & 0xFFFFFFFF | 1, 1025 + number % 60_000
    return 0x0AF40000 + number // 60_000 * 7 + number % 11, 1025 + number % 60_000


def connection(own: End, rounds: int) -> Iterator[bytes]:
    """Handshake, requests that are answered, an orderly end: 7 packets and 3 a round."""
    at, there = 1000, 5000
    yield tcp(own, SERVER, (at, 0, SYN), MSS)
    yield tcp(SERVER, own, (there, at + 1, SYN | ACK), MSS)
    at, there = at + 1, there + 1
    yield tcp(own, SERVER, (at, there, ACK))
    for _ in range(rounds):
        yield tcp(own, SERVER, (at, there, PSH | ACK), bytes(REQUEST))
        at += REQUEST
        yield tcp(SERVER, own, (there, at, PSH | ACK), bytes(RESPONSE))
        there += RESPONSE
        yield tcp(own, SERVER, (at, there, ACK))
    yield tcp(own, SERVER, (at, there, FIN | ACK))
    yield tcp(SERVER, own, (there, at + 1, FIN | ACK))
    yield tcp(own, SERVER, (at + 1, there + 1, ACK))


def few() -> Iterator[bytes]:
    """FEW connections side by side."""
    open_now = [connection(client(number), COUNT // FEW // 3 - 2) for number in range(FEW)]
    while open_now:
        for flow in list(open_now):
            if (frame := next(flow, None)) is None:
                open_now.remove(flow)
            else:
                yield frame


def many(spread: bool = False) -> Iterator[bytes]:
    """MANY flows: of 20 one is a DNS question; SYNs, of which some are refused. `spread`: each has
    an address of its own."""
    for number in range(MANY):
        own = client(number, spread)
        if number % 20 == 0:
            yield question(own, number)
            continue
        yield tcp(own, SERVER, (number, 0, SYN), MSS)
        if number % 18 == 1:
            yield tcp(SERVER, own, (0, number + 1, RST | ACK))


def written(frames: Iterator[bytes], path: Path) -> int:
    """The number of packets."""
    packets = [
        Packet(START_NS + number * STEP_NS, frame, len(frame))
        for number, frame in enumerate(frames)
    ]
    path.write_bytes(packed_header(ETHERNET) + packed_packets(packets))
    return len(packets)


def cpu_s(*argv: str) -> float:
    """User and system seconds of a program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def against_tcpdump(frames: Iterator[bytes], what: str, bar: float) -> Ratio:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flows.pcap"
        count = written(frames, path)
        ours = (sys.executable, "-m", "cli.main", "pcap", str(path), "-o", "jsonl", "--flows")
        theirs = ("tcpdump", "-nr", str(path))
        pairs = [(cpu_s(*ours), cpu_s(*theirs)) for _ in range(RUNS)]
    mine, other = (sorted(times)[RUNS // 2] for times in zip(*pairs, strict=True))
    return Ratio(
        f"{count:,} packets, {what} as JSON, with the start (CPU)",
        "tcpdump -nr to /dev/null",
        tuple(theirs / ours for ours, theirs in pairs),
        bar,
        f"{mine:.2f} s against {other:.2f} s",
    )


def measure() -> Iterator[Ratio]:
    yield against_tcpdump(few(), f"{FEW:,} flows", 2)
    yield against_tcpdump(many(), f"{MANY:,} flows of 39 addresses", 1)
    yield against_tcpdump(many(spread=True), f"{MANY:,} flows, an address each", 1)
