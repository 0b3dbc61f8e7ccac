"""The flow table's bounds: how many flows, how much memory, when one leaves."""

from __future__ import annotations

import random
import struct
import tracemalloc
from collections.abc import Iterable

import pytest

from collectors.capture.flow_expiry import CLOSED_NS, IDLE_TCP_NS, IDLE_UDP_NS
from collectors.capture.flows import Flow, FlowTable
from collectors.capture.header_rows import reader
from collectors.capture.tcp import TcpFlow
from collectors.capture.unusual_packets import slow
from collectors.events import Packet
from tests.collectors.test_links import FRAMES
from tests.collectors.test_tunnels import FRAMES as TUNNELLED
from tests.support.frames import MACS

ETHERNET, SECOND = 1, 10**9
SYN, SYN_ACK, ACK, RST, FIN = 0x02, 0x12, 0x10, 0x04, 0x11
BYTES_A_FLOW = 1_400  # 300,000 of them within 400 MiB


def tcp(port: int, flags: int, ns: int = 1, *, back: bool = False, seq: int = 100) -> Packet:
    ends = (b"\x0a\1" + struct.pack("!H", port), b"\x0a\2\0\1")
    ports = (1024 + port % 60_000, 80)
    if back:
        ends, ports = ends[::-1], ports[::-1]
    head = struct.pack("!BBHHHBBH", 0x45, 0, 40, port & 0xFFFF, 0, 64, 6, 0) + b"".join(ends)
    segment = struct.pack("!HHIIBBHHH", *ports, seq, 0, 0x50, flags, 8192, 0, 0)
    data = MACS + b"\x08\0" + head + segment
    return Packet(ns, data, len(data))


def udp(port: int, ns: int) -> Packet:
    datagram = struct.pack("!HHHH", port, 9, 8, 0)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 28, 1, 0, 64, 17, 0) + bytes(
        [10, 1, 0, 1, 10, 2, 0, 1]
    )
    data = MACS + b"\x08\0" + head + datagram
    return Packet(ns, data, len(data))


def test_a_full_table_evicts_those_that_were_silent_for_longest() -> None:
    gone: list[int] = []
    table = FlowTable(20, leaving=lambda flow: gone.append(flow.number))
    table.add(ETHERNET, [tcp(port, SYN, port * SECOND) for port in range(1, 21)])
    table.add(ETHERNET, [tcp(1, ACK, 30 * SECOND), tcp(99, SYN, 31 * SECOND)])
    assert gone == [2, 3] and len(table) == 19
    assert table.totals.tcp == 21 and table.totals.left == 2


def test_a_table_that_does_not_evict_counts_what_it_leaves_out() -> None:
    gone: list[int] = []
    table = FlowTable(20, leaving=lambda flow: gone.append(flow.number), evict=False)
    table.add(ETHERNET, [tcp(port, SYN, port) for port in range(1, 31)])
    results = table.add(ETHERNET, [tcp(5, SYN_ACK, 40, back=True), tcp(25, SYN, 41)])
    assert [flow for _, flow in results] == [5, 0] and gone == []
    assert table.totals.refused == 11
    table.close()
    assert sorted(gone) == list(range(1, 21)), "each flow once"


def left_after(packets: Iterable[Packet], silence: int, *, keep_idle: bool = False) -> bool:
    """Whether a flow is gone after so many nanoseconds in which others went on."""
    gone: list[Flow] = []
    table = FlowTable(leaving=gone.append, keep_idle=keep_idle)
    table.add(ETHERNET, list(packets))
    for at in range(0, silence + 61 * SECOND, 10 * SECOND):
        table.add(ETHERNET, [udp(7, at)])
    return any(isinstance(flow, TcpFlow) or flow.client.port != 7 for flow in gone)


HANDSHAKE = [tcp(1, SYN), tcp(1, SYN_ACK, back=True), tcp(1, ACK)]


@pytest.mark.parametrize(
    ("packets", "after"),
    [
        (HANDSHAKE, IDLE_TCP_NS),
        ([*HANDSHAKE, tcp(1, RST)], CLOSED_NS),
        ([*HANDSHAKE, tcp(1, FIN), tcp(1, FIN, back=True)], CLOSED_NS),
        ([udp(9, 0)], IDLE_UDP_NS),
    ],
)
def test_flows_leave_when_they_are_over_or_idle(packets: list[Packet], after: int) -> None:
    assert not left_after(packets, after - 70 * SECOND)
    assert left_after(packets, after)


def test_of_a_file_idle_flows_are_kept_while_there_is_room() -> None:
    assert not left_after(HANDSHAKE, 2 * IDLE_TCP_NS, keep_idle=True)
    assert left_after([*HANDSHAKE, tcp(1, RST)], CLOSED_NS, keep_idle=True)


def test_both_directions_find_the_same_flow_whichever_end_is_lower() -> None:
    for port in (1, 300):
        table = FlowTable()
        results = table.add(ETHERNET, [tcp(port, SYN), tcp(port, SYN_ACK, back=True)])
        assert [number for _, number in results] == [1, 1]
        (flow,) = table.flows
        assert (flow.client.packets, flow.server.packets) == (1, 1)
        assert flow.client.port == 1024 + port


def test_memory_of_a_flood_of_connections() -> None:
    packets = [tcp(port, SYN, port) for port in range(1, 10_001)]
    packets += [tcp(port, SYN_ACK, port, back=True) for port in range(1, 10_001)]
    table = FlowTable(300_000)
    tracemalloc.start()
    table.add(ETHERNET, packets)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(table) == 10_000
    assert used / len(table) < BYTES_A_FLOW


def test_fast_and_slow_rows_agree_on_damaged_frames_of_every_link_type() -> None:
    random.seed(5)
    frames = [(kind, data) for kind, some in FRAMES.items() for data in some.values()]
    frames += [(ETHERNET, data) for data, _ in TUNNELLED.values()]
    for linktype, data in frames:
        read = reader(linktype)
        for _ in range(60):
            changed = bytearray(data)
            for _ in range(random.randint(0, 3)):
                changed[random.randrange(len(changed))] = random.randrange(256)
            cut = bytes(changed[: random.randint(len(changed) // 2, len(changed))])
            for length in (len(cut), len(data), len(data) + 20):
                if length >= len(cut):
                    assert read(cut, length) == slow(linktype, cut, length)
