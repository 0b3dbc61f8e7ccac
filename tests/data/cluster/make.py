"""Cuts recordings of a real cluster for the tests: `python -m tests.data.cluster.make FOLDER`, and captures of one node
(NAME.pcap) with `make.captures(FOLDER)`.

FOLDER has NAME.jsonl.gz (`podwire --record`) and NAME.node-any.pcap.gz (`tcpdump -i any` on the
node, cooked v2) of the same minutes. Kept are the first seconds of the capture and what was recorded
meanwhile, headers only, without socket tables.
"""

from __future__ import annotations

import base64
import gzip
import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from collectors.capture.readers import read_file
from collectors.events import Packet

HERE = Path(__file__).parent
HEADERS = 76  # bytes: cooked v2, IPv4, TCP with timestamps
CAPTURE_S, RECORDED_S, CAPTURED_S = 5.0, 8.0, 6.0
LOOPBACK = 1  # the interface; its traffic is kept where a finding of it would be false
NOISY = ("healthy-1", "backend-stopped")
LEFT_OUT = ("SocketSnapshot", "Command", "FindingEvent", "Mark", "AccessReview")


def main(folder: Path) -> None:
    for path in sorted(folder.glob("*.node-any.pcap.gz")):
        name = path.name.partition(".")[0]
        packets = [packet for _, batch in read_file(path) for packet in batch]
        began = packets[0].ns
        early = [p for p in packets if p.ns - began < CAPTURE_S * 1e9]
        if name not in NOISY:
            early = [p for p in early if int.from_bytes(p.data[4:8], "big") != LOOPBACK]
        packed(HERE / f"{name}.pcap.gz", b"".join(pcap(early)))
        recorded = gzip.decompress((folder / f"{name}.jsonl.gz").read_bytes()).splitlines()
        # where the counters came later than the capture: until they did
        late = RECORDED_S + (24.0 if name.startswith("conntrack") else 0.0)
        lines = cut([json.loads(line) for line in recorded], began / 1e9 + late)
        packed(HERE / f"{name}.jsonl.gz", b"".join(lines))


def captures(folder: Path) -> None:
    """NAME.pcap of a node, its own loopback left out."""
    for path in sorted(folder.glob("*.pcap")):
        packets = [packet for _, batch in read_file(path) for packet in batch]
        early = [p for p in packets if p.ns - packets[0].ns < CAPTURED_S * 1e9]
        packed(HERE / f"bridge-{path.stem}.pcap.gz", b"".join(pcap(early)))


def packed(path: Path, data: bytes) -> None:
    path.write_bytes(gzip.compress(data, 9, mtime=0))


def pcap(packets: list[Packet]) -> Iterator[bytes]:
    yield struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, HEADERS, 276)
    for packet in packets:
        seconds, rest = divmod(packet.ns, 1_000_000_000)
        data = packet.data[:HEADERS]
        yield struct.pack("<IIII", seconds, rest // 1000, len(data), packet.length) + data


def cut(events: list[dict[str, Any]], until: float) -> Iterator[bytes]:
    for event in events:
        if event["_"] in LEFT_OUT or event.get("at", 0.0) > until:
            continue
        for packet in event.get("packets", ()):
            data = base64.b64decode(packet["data"]["_b"])[:HEADERS]
            packet["data"]["_b"] = base64.b64encode(data).decode()
        yield json.dumps(event, separators=(",", ":")).encode() + b"\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
