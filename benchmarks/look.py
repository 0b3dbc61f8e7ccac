"""One look of the rules at a node with 1,000 connections a second: python -m benchmarks.look

A capture of all interfaces, 20 s: 250 clients with a Service each, every connection on two legs,
before and behind the translation. CPU time of the snapshot, of its longest piece (it is made on the
event loop), and of all rules, which run in a thread; a look comes every two seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from cli.check_recorded import source_of
from collectors.capture.pcap import packed_header, packed_packets
from collectors.packet import Packet
from collectors.source import JoinedSource
from collectors.stream import Stream
from diagnosis import rules
from session import snapshot_builder
from session.controller import Controller
from session.replay import play
from session.store import Store

COOKED2, IN, OUT = 276, 0, 4
SECONDS, RATE, CLIENTS = 20, 1_000, 250
SYN, SYN_ACK, ACK, PUSH, FIN = 2, 18, 16, 24, 17
START_NS, BETWEEN_NS = 1_700_000_000_000_000_000, 40_000
LOOKS = 3
End = tuple[int, int]  # address, port
Leg = tuple[End, End]
# flags, by the client, bytes
STEPS = (
    (SYN, True, 0),
    (SYN_ACK, False, 0),
    (ACK, True, 0),
    (PUSH, True, 112),
    (PUSH, False, 200),
    (ACK, True, 0),
    (FIN, True, 0),
    (FIN, False, 0),
    (ACK, True, 0),
)


def _frame(hop: tuple[int, int], ends: Leg, numbers: tuple[int, int, int, int], size: int) -> bytes:
    """`hop`: interface, packet type; `numbers`: identification, sequence, acknowledgment, flags."""
    identity, sequence, acknowledgment, flags = numbers
    (source, sport), (destination, dport) = ends
    cooked = struct.pack("!HHIHBB8x", 0x0800, 0, hop[0], 1, hop[1], 6)
    head = (0x45, 0, 40 + size, identity & 0xFFFF, 0x4000, 64, 6, 0, source, destination)
    tcp = (sport, dport, sequence, acknowledgment, 0x50, flags, 500, 0, 0)
    payload = bytes(min(size, 60))
    packed = struct.pack("!BBHHHBBHII", *head) + struct.pack("!HHIIBBHHH", *tcp)
    return cooked + packed + payload


def connection(number: int, at: int) -> Iterator[Packet]:
    which = number % CLIENTS
    client = (0x0AF40200 + which, 1_100 + number // CLIENTS)
    service, server = (0x0A610000 + which, 80), (0x0AF40103 + number % 2, 8080)
    near, far = 100 + which, 9 + number % 2
    sent, answered = number * 7_919 + 1, number * 104_729 + 1
    for count, (flags, by_client, size) in enumerate(STEPS):
        ns = at + count * BETWEEN_NS
        own, other = (sent, answered) if by_client else (answered, sent)
        numbers = (number * 20 + count, own, other if flags != SYN else 0, flags)
        legs = ((near, (client, service)), (far, (client, server)))
        for place, (interface, ends) in enumerate(legs if by_client else legs[::-1]):
            hop = (interface, OUT if place else IN)
            data = _frame(hop, ends if by_client else ends[::-1], numbers, size)
            yield Packet(ns + place * 5_000, data, 60 + size)
        step = size + bool(flags & 3)
        sent, answered = (sent + step, answered) if by_client else (sent, answered + step)


def capture() -> bytes:
    began = (START_NS + number * 1_000_000_000 // RATE for number in range(SECONDS * RATE))
    packets = [one for number, at in enumerate(began) for one in connection(number, at)]
    packets.sort(key=lambda packet: packet.ns)
    return packed_header(COOKED2) + packed_packets(packets)


async def _known(path: Path) -> Store:
    stream, store = Stream(), Store()
    control = Controller(store, stream)
    with contextlib.ExitStack() as places:
        source = source_of(str(path), stream, 1, places)
        await play(control, JoinedSource([source], stream), with_rules=False)
    await control.close()
    return store


def _longest(store: Store) -> float:
    """CPU milliseconds."""
    longest, last = 0.0, time.thread_time()
    for _ in snapshot_builder._views(store):
        now = time.thread_time()
        longest, last = max(longest, now - last), now
    return 1_000 * longest


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "node.pcap"
        path.write_bytes(capture())
        store = asyncio.run(_known(path))
    rules.table()
    for _ in range(LOOKS):
        began = time.process_time()
        moment = snapshot_builder.snapshot(store, store.latest)
        made = time.process_time()
        found = rules.findings(replace(moment))
        looked = time.process_time()
        rows = sum(len(view.paths) for view in moment.targets)
        print(
            f"snapshot {1_000 * (made - began):.0f} ms, longest piece {_longest(store):.0f} ms; "
            f"rules {1_000 * (looked - made):.0f} ms; {rows} pairs of ends, {len(found)} findings"
        )


if __name__ == "__main__":
    main()
