"""A flow that left the table and goes on is counted once."""

from __future__ import annotations

from collectors.capture.flow_expiry import IDLE_TCP_NS, IDLE_UDP_NS
from collectors.capture.flows import FlowTable
from collectors.capture.flows_gone import GoneFlows
from tests.collectors.test_flows import ACK, ETHERNET, FIN, SECOND, SYN, tcp, udp


def test_a_full_table_counts_what_comes_back_once() -> None:
    """Each of 300 connections and conversations retransmits after all of them have begun."""
    table = FlowTable(20)
    for turn in range(3):
        for port in range(1, 301):
            ns = (turn * 300 + port) * SECOND // 100
            table.add(ETHERNET, [tcp(port, ACK if turn else SYN, ns), udp(port, ns)])
    totals = table.totals
    assert (totals.tcp, totals.udp, totals.forgotten) == (300, 300, 0)
    assert totals.left + len(table) == 600


def test_a_syn_of_another_sequence_opens_another_connection() -> None:
    table = FlowTable(20)
    for port in range(1, 41):
        table.add(ETHERNET, [tcp(port, SYN, port)])
    table.add(ETHERNET, [tcp(1, SYN, 50), tcp(2, SYN, 51, seq=999)])
    assert table.totals.tcp == 41


def test_what_was_idle_and_goes_on_is_counted_once_what_was_closed_is_not() -> None:
    table = FlowTable()
    late = IDLE_TCP_NS + 100 * SECOND
    table.add(ETHERNET, [tcp(1, SYN), tcp(1, ACK, seq=101), tcp(2, SYN), udp(3, 1)])
    table.add(ETHERNET, [tcp(2, FIN, seq=101), tcp(2, FIN, seq=500, back=True)])
    table.add(ETHERNET, [udp(9, late)])
    assert len(table) == 1
    table.add(ETHERNET, [tcp(1, ACK, late + 1, seq=101), tcp(2, ACK, late + 1), udp(3, late + 1)])
    assert (table.totals.tcp, table.totals.udp) == (3, 3), "UDP that was idle is another"


def test_udp_that_comes_back_later_than_it_lasts_is_another() -> None:
    table = FlowTable(20)
    table.add(ETHERNET, [udp(port, port) for port in range(1, 25)])
    table.add(ETHERNET, [udp(1, IDLE_UDP_NS // 2), udp(2, 2 * IDLE_UDP_NS)])
    assert table.totals.udp == 25


def test_its_memory_is_bounded_and_says_what_it_forgot() -> None:
    gone = GoneFlows(limit=20)
    table = FlowTable()
    table.add(ETHERNET, [tcp(port, SYN, port) for port in range(1, 31)])
    for flow in table.flows:
        gone.add(flow)
    assert gone.forgotten == 10
