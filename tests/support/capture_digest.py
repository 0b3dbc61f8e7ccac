"""What the framing, rows, packets, the flow table, its lookups and JSON make of captures, as one line
of digest for each: to compare the compiled core with the same code as Python.

python -m tests.support.capture_digest COUNT: of every capture of tests/data, and of COUNT files that
are made of their packets and of frames of every link type and tunnel, cut, repeated, damaged and
with a clock that jumps, in either byte order and in pieces.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from random import Random

from collectors.capture import jsonl
from collectors.capture.dissect import dissect
from collectors.capture.flow_lines import flow_line
from collectors.capture.flows import FlowTable
from collectors.capture.header_rows import reader
from collectors.capture.pcap import MAGIC, Damaged
from collectors.capture.pcapng import Chunk
from collectors.capture.read_rows import read_rows
from collectors.capture.readers import CaptureReader, read_file, read_records
from collectors.capture.records import RawChunk, packets_of
from collectors.errors import CaptureError
from collectors.events import Packet
from tests.collectors.test_links import FRAMES
from tests.collectors.test_tunnels import FRAMES as TUNNELS

DATA = Path(__file__).parent.parent / "data"
ETHERNET = 1
MOST_POOLED = 3_000  # packets of one link type
MOST_SHOWN = 2_000  # packets of a file
STEPS_NS = (0, 1_000, 1_000_000, 30_000_000, 3_000_000_000, 400_000_000_000, -90_000_000_000)


def files() -> list[Path]:
    return sorted(path for path in DATA.rglob("*") if ".pcap" in path.name)


def read(path: Path) -> list[Chunk]:
    chunks: list[Chunk] = []
    with suppress(CaptureError):  # what came before the damage counts
        chunks.extend(read_file(path))
    return chunks


def read_raw(path: Path) -> list[RawChunk]:
    chunks: list[RawChunk] = []
    with suppress(CaptureError):
        chunks.extend(read_records(path))
    return chunks


def pools() -> dict[int, list[Packet]]:
    found: dict[int, list[Packet]] = {}
    for path in files():
        for linktype, packets in read(path):
            pool = found.setdefault(linktype, [])
            pool += packets[: MOST_POOLED - len(pool)]
    for linktype, frames in FRAMES.items():
        found.setdefault(linktype, []).extend(map(sent, frames.values()))
    found[ETHERNET] += (sent(frame) for frame, _ in TUNNELS.values())
    return found


def sent(frame: bytes) -> Packet:
    return Packet(0, frame, len(frame))


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


def as_file(random: Random, linktype: int, packets: list[Packet]) -> bytes:
    """A pcap of any kind, of which some are cut and some have a wrong octet."""
    magic = random.choice(sorted(MAGIC))
    order, fraction, head = MAGIC[magic]
    data = magic + struct.pack(order + "HHiIII", 2, 4, 0, 0, 262_144, linktype)
    for packet in packets:
        seconds, rest = divmod(packet.ns, 1_000_000_000)
        sizes = len(packet.data), packet.length
        data += struct.pack(order + "IIII", seconds, rest // fraction, *sizes)
        data += bytes(head - 16) + packet.data
    if random.random() < 0.1:
        data = data[: random.randrange(len(data))]
    if random.random() < 0.1 and len(data) > 40:
        place = random.randrange(24, len(data))
        data = data[:place] + bytes([random.randrange(256)]) + data[place + 1 :]
    return data


def in_pieces(random: Random, data: bytes) -> list[RawChunk]:
    """What the framing makes of a file that arrives in pieces."""
    stream, chunks = CaptureReader(), list[RawChunk]()
    while data:
        size = random.choice((1, 7, 100, 4_000, 65_536))
        try:
            chunks += stream.records(data[:size])
        except Damaged as error:
            return [*chunks, *error.chunks]
        data = data[size:]
    return chunks


def generated(seed: int, pools: dict[int, list[Packet]]) -> list[RawChunk]:
    random = Random(-seed)
    return in_pieces(random, as_file(random, *made(seed, pools)))


def digest(chunks: list[RawChunk]) -> str:
    """Of packets, rows, analysis flags, flows and lookups: twice, of packets and of the records
    where they lie."""
    said = sha256()
    followed = FlowTable(leaving=lambda flow: said.update(flow_line(flow)), hops=True)
    for linktype, found in chunks:
        said.update(repr(read_rows(linktype, found)).encode())
        followed.follow(linktype, found)
    followed.close()

    def show(found: jsonl.Object) -> None:
        said.update(jsonl.encoded(found))

    table = FlowTable(leaving=lambda flow: said.update(flow_line(flow)), hops=True)
    table.lookups.on_done = lambda found: show(jsonl.lookup_object(found))
    for linktype, found in chunks:
        packets = packets_of(found)
        row_of = reader(linktype)
        said.update(repr([row_of(packet.data, packet.length) for packet in packets]).encode())
        seen = table.add(linktype, packets)
        said.update(repr(seen).encode())
        for packet, (analysis, flow) in zip(packets[:MOST_SHOWN], seen, strict=False):
            frame = dissect(linktype, packet.data, packet.length)
            show(jsonl.packet_object(1, packet, frame, analysis, flow))
    table.close()
    assert repr(table.totals) == repr(followed.totals)
    said.update(repr(table.totals).encode())
    return said.hexdigest()


def lines(count: int) -> Iterator[str]:
    for path in files():
        yield f"{path.name} {digest(read_raw(path))}"
    ready = pools()
    for seed in range(count):
        yield f"{seed} {digest(generated(seed, ready))}"


if __name__ == "__main__":
    for line in lines(int(sys.argv[1])):
        print(line)  # noqa: T201
