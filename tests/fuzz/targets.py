"""What a fuzzer feeds: captures, packets, DNS messages, and conversations, whose segments are made of
the fuzzer's bytes so that flows, sequence analysis and DNS see sensible ones, too.

Any exception but those that are promised is a fault. `one` chooses by the first byte.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from pathlib import Path

from collectors import dumps, netlink
from collectors.capture import dns, dns_names
from collectors.capture.dissect import dissect
from collectors.capture.flows import FlowTable
from collectors.capture.header_rows import reader
from collectors.capture.jsonl import encoded, flow_object, lookup_object, packet_object
from collectors.capture.links import LINKS
from collectors.capture.packet_summary import dns_info
from collectors.capture.pcap import Damaged
from collectors.capture.pcapng import Chunk
from collectors.capture.read_rows import read_rows
from collectors.capture.readers import CaptureReader, read_file
from collectors.capture.records import RawChunk, packets_of
from collectors.capture.unusual_packets import slow
from collectors.conntrack import netlink_count
from collectors.errors import CaptureError
from collectors.events import Packet
from collectors.sockets import inet_diag
from collectors.sockets.rows import SocketRow
from tests.support.netlink_messages import entry, tcp_socket

CAPTURES = Path(__file__).parent.parent / "data"
LINKTYPES = (*sorted(LINKS), 999)
START_NS = 1_700_000_000_000_000_000
STEPS_NS = (0, 1_000, 1_000_000, 30_000_000, 1_000_000_000, 6_000_000_000, 400 * 10**9, -(10**11))
PORTS = ((40_000, 80), (40_001, 53), (5353, 5353), (40_000, 4789), (51_820, 51_820))
CLIENT, SERVER = bytes([10, 1, 0, 1]), bytes([10, 1, 0, 2])
SIZES = (0, 0, 1, 2, 10, 100, 536, 1460)


def followed(table: FlowTable, chunks: list[Chunk]) -> None:
    """Everything that podwire does with the packets of a capture."""
    for linktype, packets in chunks:
        for packet, (analysis, flow) in zip(packets, table.add(linktype, packets), strict=True):
            frame = dissect(linktype, packet.data, packet.length)
            encoded(packet_object(1, packet, frame, analysis, flow))
    for kept in table.flows:
        encoded(flow_object(kept))
    table.close()
    for found in table.lookups.done:
        encoded(lookup_object(found))


def capture(data: bytes) -> None:
    """A whole file, in two pieces."""
    stream, chunks = CaptureReader(), list[RawChunk]()
    try:
        for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
            chunks += stream.records(piece)
    except Damaged as error:
        chunks += error.chunks
    except CaptureError:
        return
    table = FlowTable(50)
    for linktype, found in chunks:
        table.follow(linktype, found)
        assert len(read_rows(linktype, found)) == len(found)
    table.close()
    followed(FlowTable(50), [(linktype, packets_of(found)) for linktype, found in chunks])


def packet(data: bytes) -> None:
    if len(data) < 3:
        return
    linktype, more, body = LINKTYPES[data[0] % len(LINKTYPES)], data[1] & 1, data[2:]
    length = len(body) + (1000 if more else 0)
    assert reader(linktype)(body, length) == slow(linktype, body, length)
    packets = [Packet(START_NS + n, body, length) for n in range(3)]
    followed(FlowTable(hops=True), [(linktype, packets)])


def name(data: bytes) -> None:
    found = dns.parse(data)
    if found is not None:
        dns_info(found)
    seen = dns_names.plain_question(b"?" + data + b"?", 1, 1 + len(data))
    if seen is not None and found is not None and found.questions:
        assert seen == (found.questions[0].name.lower(), found.questions[0].type)


def dump(data: bytes) -> None:
    """Netlink's messages, and one around all of it: the compiled code reads what Python does."""
    for kind in (netlink_count.KIND, inet_diag.SOCK_DIAG_BY_FAMILY):
        whole = struct.pack("=IHHII", 16 + len(data), kind, 2, 1, 0) + data
        for stream in (data, whole + bytes(-len(data) % 4)):
            for gap in (0, 8):
                assert repr(_sockets(stream, gap, pure=True)) == repr(_sockets(stream, gap))
            with contextlib.suppress(OSError):
                assert _entries(stream, pure=True) == _entries(stream)


def _sockets(
    stream: bytes, gap: int, pure: bool = bool(dumps.WHY_PURE)
) -> tuple[int, list[SocketRow]]:
    rows: list[SocketRow] = []
    read = inet_diag.python_tcp_rows if pure else inet_diag.tcp_rows
    offset = 0
    while (behind := read(stream, offset, gap, rows)) > offset:  # Python stops where sizes differ
        offset = behind
    return offset, rows


def _entries(stream: bytes, pure: bool = bool(dumps.WHY_PURE)) -> object:
    counter = netlink_count.EntryCounter(netlink_count.PlainEntries() if pure else None)
    netlink.walk(stream, netlink_count.KIND, counter.receive, counter.run)
    return counter.result(), counter.result(2)


# --- conversations


def conversation(data: bytes) -> None:
    """Packets between two ends, on one of three link types, in a table with little room."""
    if len(data) < 10:
        return
    linktype = (1, 113, 276)[data[0] % 3]
    packets = list(_packets(linktype, data[1] % len(PORTS), data[2:]))
    middle = len(packets) // 2  # what is kept must not depend on where a batch ends
    for chunks in ([packets], [packets[:middle], packets[middle:]]):
        table = FlowTable(3, hops=True, evict=bool(data[0] & 0x40))
        followed(table, [(linktype, some) for some in chunks])


def _packets(linktype: int, ports: int, data: bytes) -> Iterator[Packet]:
    """Seven bytes make a packet: direction, kind and flags; sequence and acknowledgment beside what
    is expected; size and window; time and link; what its payload begins with follows."""
    ns, position, cursors = START_NS, 0, [1_000, 0xFFFF_F000]  # the second one wraps around
    while position + 7 <= len(data):
        kind, ahead, back, size, window, time, link = data[position : position + 7]
        position += 7
        ns += STEPS_NS[time & 7]
        reply, length = kind >> 7, SIZES[size & 7]
        body = data[position : position + (time >> 4)]
        position += len(body)
        body = body.ljust(length, b"\0") if not link & 0x80 else body
        own, other = PORTS[ports] if not link & 0x40 else (1_024 + link, 80)
        ends = ((CLIENT, own), (SERVER, other)) if not reply else ((SERVER, other), (CLIENT, own))
        if kind & 0x7F == 0x7F:
            transport, protocol = _error(ends, link), 1
        elif kind & 0x40:
            transport, protocol = _datagram(ends, body), 17
        else:
            sequence = cursors[reply] + ahead - 128 if ahead & 0x80 else cursors[reply]
            acknowledged = cursors[not reply] + (back - 128 if back & 0x80 else 0)
            numbers = (sequence & 0xFFFFFFFF, acknowledged & 0xFFFFFFFF)
            transport = _segment(ends, numbers, kind & 0x3F, window * (window & 1), body)
            protocol = 6
            cursors[reply] = (numbers[0] + len(body) + bool(kind & 3)) & 0xFFFFFFFF
        frame = _link(linktype, link) + _ip(protocol, ends, transport)
        snapped = frame[: len(frame) - (size >> 3)]
        yield Packet(ns, snapped, len(frame))


Ends = tuple[tuple[bytes, int], tuple[bytes, int]]


def _segment(ends: Ends, numbers: tuple[int, int], flags: int, window: int, body: bytes) -> bytes:
    options = b""
    if flags & 2:
        options = bytes.fromhex("020405b4" + "0103030e")
    elif window & 2:
        options = bytes.fromhex("0101080a") + struct.pack(">II", *numbers)
    offset = (20 + len(options)) << 10 | flags
    head = struct.pack(">HHIIHHI", ends[0][1], ends[1][1], *numbers, offset, window, 0)
    return head + options + body


def _datagram(ends: Ends, body: bytes) -> bytes:
    return struct.pack(">HHHH", ends[0][1], ends[1][1], 8 + len(body), 0) + body


def _error(ends: Ends, code: int) -> bytes:
    """ICMP about a packet of the other end."""
    quoted = _ip(6 if code & 1 else 17, (ends[1], ends[0]), b"")
    return (
        bytes([3, code & 15]) + bytes(6) + quoted + struct.pack(">HHI", ends[1][1], ends[0][1], 0)
    )


def _ip(protocol: int, ends: Ends, body: bytes) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 7, 0, 64, protocol, 0)
    return head + ends[0][0] + ends[1][0] + body


def _link(linktype: int, number: int) -> bytes:
    if linktype == 1:
        return bytes(12) + b"\x08\0"
    if linktype == 113:
        return bytes(14) + b"\x08\0"
    return b"\x08\0\0\0" + struct.pack(">IHBB", number & 3, 1, 4 * (number & 1), 6) + bytes(8)


# --- all of them

TARGETS = (capture, packet, name, conversation, dump)


def one(data: bytes) -> None:
    if data:
        TARGETS[data[0] % len(TARGETS)](data[1:])


def seeds(folder: Path) -> None:
    """Real packets, DNS messages and captures, and conversations, for the fuzzer to begin with."""
    for number, path in enumerate(sorted(CAPTURES.glob("captures/*.pcap*"))[:12]):
        for linktype, packets in read_file(path):
            kind = LINKTYPES.index(linktype)
            for index, found in enumerate(packets[:40]):
                (folder / f"{number}-{index}").write_bytes(bytes([1, kind, 0]) + found.data)
                start = dissect(linktype, found.data, found.length).payload
                (folder / f"{number}-{index}-dns").write_bytes(bytes([2]) + found.data[start:])
    for path in (CAPTURES / "lab.pcap", *sorted(CAPTURES.glob("foreign/*.pcap"))):
        (folder / path.name).write_bytes(b"\0" + path.read_bytes()[:4000])
    for number in range(30):  # a handshake, data and its acknowledgment, the end
        ends = bytes([3, number % 3, number % len(PORTS)])
        steps = (
            (2, 0),
            (0x92, 0),
            (0x10, 0),
            (0x18, 5),
            (0x90, 0),
            (0x98, 6),
            (0x11, 0),
            (0x91, 0),
        )
        made = b"".join(bytes([kind, 0, 0, size, 255, 2, number & 3]) for kind, size in steps)
        (folder / f"conversation-{number}").write_bytes(ends + made)
    for number, seed in enumerate((entry(6), entry(17), tcp_socket())):
        (folder / f"dump-{number}").write_bytes(bytes([4]) + 3 * seed)
