"""atheris on captures, packets and DNS: python -m tests.fuzz.packets -max_total_time=600 (needs `pip install atheris`).

Any exception but the ones that are promised is a crash; libFuzzer itself reports a hang (-timeout=5).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["collectors"]):
    from collectors.capture import dns
    from collectors.capture.dissect import dissect
    from collectors.capture.flows import FlowTable
    from collectors.capture.header_rows import reader, slow
    from collectors.capture.jsonl import flow_object, lookup_object, packet_object
    from collectors.capture.links import LINKS
    from collectors.capture.packet_summary import dns_info
    from collectors.capture.pcap import Damaged
    from collectors.capture.readers import CaptureReader, read_file
    from collectors.errors import CaptureError
    from collectors.events import Packet

CAPTURES = Path(__file__).parent.parent / "data"
LINKTYPES = (*sorted(LINKS), 999)


def capture(data: bytes) -> None:
    """A whole file, in two pieces, through everything that is done with its packets."""
    stream, table, packets = CaptureReader(), FlowTable(50), []
    try:
        for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
            packets += stream.feed(piece)
    except Damaged as error:
        packets += error.chunks
    except CaptureError:
        return
    for linktype, some in packets:
        for packet, (analysis, flow) in zip(some, table.add(linktype, some), strict=True):
            packet_object(1, packet, dissect(linktype, packet.data, packet.length), analysis, flow)
    for kept in table.flows:
        flow_object(kept)
    table.close()
    for found in table.lookups.done:
        lookup_object(found)


def packet(data: bytes) -> None:
    if len(data) < 3:
        return
    linktype, more, body = LINKTYPES[data[0] % len(LINKTYPES)], data[1] & 1, data[2:]
    length = len(body) + (1000 if more else 0)
    packet_object(1, Packet(0, body, length), dissect(linktype, body, length))
    assert reader(linktype)(body, length) == slow(linktype, body, length)
    FlowTable().add(linktype, [Packet(n, body, length) for n in range(3)])


def name(data: bytes) -> None:
    found = dns.parse(data)
    if found is not None:
        dns_info(found)
    seen = dns.glance(data, 0)
    if seen is not None and found is not None and found.questions:
        assert seen[3] == (found.questions[0].name.lower(), found.questions[0].type)


def one(data: bytes) -> None:
    if not data:
        return
    (capture, packet, name)[data[0] % 3](data[1:])


def seeds(folder: Path) -> None:
    """Real packets, DNS messages and a capture, for the fuzzer to begin with."""
    for number, path in enumerate(sorted(CAPTURES.glob("captures/*.pcap*"))[:12]):
        for linktype, packets in read_file(path):
            kind = LINKTYPES.index(linktype)
            for index, found in enumerate(packets[:40]):
                (folder / f"{number}-{index}").write_bytes(bytes([1, kind, 0]) + found.data)
                start = dissect(linktype, found.data, found.length).payload
                (folder / f"{number}-{index}-dns").write_bytes(bytes([2]) + found.data[start:])
    (folder / "pcap").write_bytes(b"\0" + (CAPTURES / "lab.pcap").read_bytes()[:4000])


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        seeds(Path(folder))
        atheris.Setup([sys.argv[0], "-timeout=5", *sys.argv[1:], folder], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
