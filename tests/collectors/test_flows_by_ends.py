"""Flows by their ends, in the implementation that is loaded, beside a dictionary."""

from __future__ import annotations

from random import Random

import pytest

from collectors.capture.flow_expiry import Flow
from collectors.capture.flows_by_ends import FlowsByEnds
from collectors.capture.header_row import HeaderRow, plain_flow_key
from collectors.capture.header_values import TCP, UDP
from collectors.capture.tcp import TcpFlow
from collectors.capture.udp import UdpFlow

ADDRESSES = [bytes([10, 0, 0, last]) for last in range(6)] + [bytes(15) + b"\1"]


def row(random: Random) -> HeaderRow:
    found = HeaderRow(random.choice((TCP, UDP)), *random.choices(ADDRESSES, k=2))
    found.source_port, found.destination_port = random.choices((0, 53, 80, 65_535), k=2)
    found.network = random.choice((0, 0, 1, 1 << 40))
    return found


def reversed_row(of: HeaderRow) -> HeaderRow:
    found = HeaderRow(of.protocol, of.destination, of.source)
    found.source_port, found.destination_port = of.destination_port, of.source_port
    found.network = of.network
    return found


def flow_of(number: int, of: HeaderRow) -> Flow:
    return TcpFlow(number, of) if of.protocol == TCP else UdpFlow(number, of)


def test_the_latest_is_found_from_both_directions_the_others_stay() -> None:
    """3,000 flows of about 2,000 ends come, a third leaves meanwhile."""
    random, table = Random(1), FlowsByEnds()
    alive: dict[int, Flow] = {}
    latest: dict[tuple[int, bytes], Flow] = {}
    for number in range(1, 3_001):
        wanted = row(random)
        key = wanted.protocol, plain_flow_key(wanted)
        for packet in (wanted, reversed_row(wanted)):
            assert table.find(packet) is latest.get(key)
        alive[number] = latest[key] = flow_of(number, wanted)
        table.add(alive[number], wanted)
        if number % 3 == 0:
            gone = alive.pop(random.choice(list(alive)))
            table.remove(gone)
            latest = {key: flow for key, flow in latest.items() if flow is not gone}
    assert (len(table), table.listed()) == (2_000, list(alive.values()))


def test_what_is_not_there_is_not_removed() -> None:
    random, table = Random(2), FlowsByEnds()
    first = row(random)
    flow, other = flow_of(1, first), flow_of(2, first)
    with pytest.raises(KeyError):
        table.remove(flow)
    table.add(flow, first)
    with pytest.raises(KeyError):
        table.remove(other)
    table.remove(flow)
    with pytest.raises(KeyError):
        table.remove(flow)
    assert table.find(first) is None and table.listed() == []


def test_all_leave_in_their_order() -> None:
    random, table = Random(3), FlowsByEnds()
    flows = []
    for number in range(1, 101):
        begins = row(random)
        flows.append(flow_of(number, begins))
        table.add(flows[-1], begins)
    left: list[Flow] = []
    table.empty(left.append)
    assert left == flows and not len(table) and table.find(begins) is None
    table.add(flows[0], begins)
    table.empty(None)
    assert table.listed() == []
