"""What the flow table, its lookups and JSON make of captures, as one line of digest for each: to
compare the compiled core with the same code as Python.

python -m tests.support.capture_digest COUNT: of every capture of tests/data, and of COUNT that are
made of their packets, cut, repeated, damaged and with a clock that jumps.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from random import Random

from collectors.capture import jsonl
from collectors.capture.flows import FlowTable
from collectors.capture.header_rows import reader
from collectors.capture.readers import read_file
from collectors.errors import CaptureError
from collectors.events import Packet

DATA = Path(__file__).parent.parent / "data"
Chunk = tuple[int, list[Packet]]
MOST_POOLED = 3_000  # packets of one link type
STEPS_NS = (0, 1_000, 1_000_000, 30_000_000, 3_000_000_000, 400_000_000_000, -90_000_000_000)


def files() -> list[Path]:
    return sorted(path for path in DATA.rglob("*") if ".pcap" in path.name)


def read(path: Path) -> list[Chunk]:
    chunks = []
    with suppress(CaptureError):  # what came before the damage counts
        chunks += [(linktype, list(packets)) for linktype, packets in read_file(path)]
    return chunks


def pools() -> dict[int, list[Packet]]:
    found: dict[int, list[Packet]] = {}
    for path in files():
        for linktype, packets in read(path):
            pool = found.setdefault(linktype, [])
            pool += packets[: MOST_POOLED - len(pool)]
    return found


def made(seed: int, pools: dict[int, list[Packet]]) -> Chunk:
    random = Random(seed)
    linktype = random.choice(sorted(pools))
    pool = pools[linktype]
    start = random.randrange(len(pool))
    picked = pool[start : start + random.randrange(1, 60)]
    packets, now = [], 1_700_000_000_000_000_000
    for packet in picked:
        now += random.choice(STEPS_NS) if random.random() < 0.3 else 1_000_000
        for _ in range(1 if random.random() < 0.9 else 3):
            packets.append(changed(random, packet._replace(ns=now)))
    if random.random() < 0.2:
        random.shuffle(packets)
    return linktype, packets


def changed(random: Random, packet: Packet) -> Packet:
    data = bytearray(packet.data)
    if data and random.random() < 0.3:
        for _ in range(random.randrange(1, 4)):
            data[random.randrange(len(data))] = random.choice((0, 1, 255, random.randrange(256)))
    if random.random() < 0.1:
        data = data[: random.randrange(len(data) + 1)]
    return packet._replace(data=bytes(data))


def digest(chunks: list[Chunk]) -> str:
    """Of rows, analysis flags, flows and lookups."""
    said = sha256()

    def show(found: jsonl.Object) -> None:
        said.update(jsonl.encoded(found))

    table = FlowTable(leaving=lambda flow: show(jsonl.flow_object(flow)), hops=True)
    table.lookups.on_done = lambda found: show(jsonl.lookup_object(found))
    for linktype, packets in chunks:
        row_of = reader(linktype)
        said.update(repr([row_of(packet.data, packet.length) for packet in packets]).encode())
        said.update(repr(table.add(linktype, packets)).encode())
    table.close()
    said.update(repr(table.totals).encode())
    return said.hexdigest()


def lines(count: int) -> Iterator[str]:
    for path in files():
        yield f"{path.name} {digest(read(path))}"
    ready = pools()
    for seed in range(count):
        yield f"{seed} {digest([made(seed, ready)])}"


if __name__ == "__main__":
    for line in lines(int(sys.argv[1])):
        print(line)  # noqa: T201
