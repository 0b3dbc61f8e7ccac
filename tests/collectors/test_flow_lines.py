"""A flow's line of JSON: what the compiled core writes is what its object's encoder gives."""

from __future__ import annotations

import json
from random import Random

import pytest

from collectors import capture
from collectors.capture import flow_objects
from collectors.capture.direction import Direction, DurationStats
from collectors.capture.flow_event import DATA_SENT
from collectors.capture.flow_lines import flow_line, plain_flow_line
from collectors.capture.flows import FlowTable
from collectors.capture.header_row import HeaderRow
from collectors.capture.tcp import TcpFlow
from collectors.capture.udp import UdpFlow
from tests.support.capture_digest import files, made, pools, read

if capture.WHY_PURE:

    def is_plain(flow: TcpFlow | UdpFlow) -> bool:
        return False
else:
    from collectors.capture.fast_flow_lines import is_plain

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND
IPV4 = b"\x0a\xf4\0\1", b"\x0a\x60\0\x0a"
IPV6 = bytes(15) + b"\1", b"\xfd" + bytes(14) + b"\2"
DURATIONS = (0, 1, 99, 100, 999, 1000, 999_999, 10**6, 1_500_000, 123_456_789, 10**15 - 1, 10**15)


def tcp(addresses: tuple[bytes, bytes] = IPV4, flags: int = 2) -> TcpFlow:
    row = HeaderRow(6, *addresses)
    row.source_port, row.destination_port, row.flags, row.ns = 40_000, 443, flags, NOW
    return TcpFlow(1, row)


def udp() -> UdpFlow:
    row = HeaderRow(17, *IPV4)
    row.source_port, row.destination_port, row.ns = 40_000, 53, NOW
    return UdpFlow(1, row)


def stats(*durations: int) -> DurationStats:
    found = DurationStats()
    for duration in durations:
        found.add(duration)
    return found


def check(flow: TcpFlow | UdpFlow, name: str = "") -> str:
    line = flow_line(flow, name)
    assert line == plain_flow_line(flow, name)
    assert line.endswith(b"}\n") and line.count(b"\n") == 1
    json.loads(line)
    return line.decode()


@pytest.mark.slow
def test_flows_of_every_capture_and_of_made_ones() -> None:
    seen = written = 0
    ready = pools()
    made_ones = [[made(seed, ready)] for seed in range(300)]
    for chunks in [read(path) for path in files()] + made_ones:
        flows: list[TcpFlow | UdpFlow] = []
        table = FlowTable(leaving=flows.append)
        for linktype, packets in chunks:
            table.add(linktype, packets)
        table.close()
        for flow in flows:
            check(flow)
            seen += 1
            written += is_plain(flow)
    assert seen > 2_000
    if not capture.WHY_PURE:  # compiled: the encoder is for what is rare
        assert written > 0.95 * seen


@pytest.mark.parametrize("ns", DURATIONS)
def test_durations_have_the_encoders_digits(ns: int) -> None:
    flow = tcp()
    flow.syn_at, flow.synack_at, flow.acked_at = NOW, NOW + ns, NOW + 2 * ns
    flow.last_ns = NOW + ns
    flow.waits = stats(ns, ns + 1)
    flow.client.rtt = stats(ns)
    assert f'"duration_ms":{json.dumps(ns / 1e6)}' in check(flow) or 0 < ns < 100


def test_means_are_rounded_as_python_does() -> None:
    random = Random(1)
    for _ in range(5_000):
        flow, largest = udp(), 10 ** random.randrange(1, 16)
        flow.waits = stats(*(random.randrange(largest) for _ in range(random.randrange(1, 9))))
        check(flow)


def test_means_beside_the_middle_of_two_nanoseconds() -> None:
    for total in range(1, 4_000):
        flow = udp()
        flow.waits = stats(1_000, 1_000 + total)
        check(flow)


def test_sums_beyond_64_bits() -> None:
    flow = udp()
    flow.waits = stats(*[1 << 62] * 9)
    assert '"answer_ms"' in check(flow)


def test_times_before_1970_and_clocks_that_were_set_back() -> None:
    flow = tcp()
    flow.first_ns = flow.last_ns = -1
    assert '"first":"-1.999999999"' in check(flow)
    flow.first_ns, flow.last_ns = 1, 0
    assert '"first":"0.000000001"' in check(flow)


def test_text_of_the_wire_and_names_of_files_are_escaped() -> None:
    flow = tcp()
    flow.error(NOW, 'it said "no"\\\x07 é \u2028', "10.0.0.1", True)
    line = check(flow, 'a "b"\\ é.pcap')
    assert line.startswith('{"file":"a \\"b\\"\\\\ é.pcap","number":1,')
    assert '\\"no\\"' in line


def test_every_field_of_a_connection() -> None:
    flow = tcp(IPV6)
    flow.syn_at, flow.synack_at = NOW, NOW - 1  # a clock that was set back
    own: Direction = flow.client
    own.mss, own.scale, own.reset_at = 1460, 7, NOW + 5
    for number, name in enumerate(counts := own.counted().__class__.__slots__):
        setattr(own.counts, name, number + 1)
    flow.reset_by = own
    flow.copies = 3
    flow.note(NOW, True, DATA_SENT, 12)
    flow.note_error(NOW + 1, "x")
    line = check(flow)
    assert '"fd00::2"' in line and '"phase":"' in line and '"window_scale":7' in line
    assert flow_objects.flow_object(flow) == json.loads(line) and len(counts) == 10
