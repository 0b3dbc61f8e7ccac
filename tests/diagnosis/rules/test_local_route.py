"""A node's own bridge with the range of a network outside."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import LinkRow, NeighbourRow, NetworkState, RouteRow
from diagnosis import rules
from diagnosis.rules.local_route import route_to
from diagnosis.snapshot import Conversation, TargetView
from tests.support.rules import finder
from tests.support.service_snapshots import seen_at, service_snapshot
from tests.support.snapshots import API, POD

evaluate = finder("local_route")
DATABASE = "172.17.5.5"
DEFAULT = RouteRow("default", "eth0", "192.168.0.254")
DOCKER = RouteRow("172.17.0.0/16", "docker0")
FAILS = Conversation(
    "TCP", POD.ip, DATABASE, 5432, flows=9, refused=9, rejected=9, rejected_by="172.17.0.1"
)
FAILS = replace(FAILS, unreachable="host unreachable")
MADE = Conversation("TCP", API.ip, DATABASE, 5432, flows=9, answered=9)


def node(
    name: str, talk: Conversation, *routes: RouteRow, neighbours: tuple[NeighbourRow, ...] = ()
) -> TargetView:
    links = (LinkRow("eth0", "", 1500, "UP"), LinkRow("docker0", "bridge", 1500, "DOWN"))
    network = NetworkState(100.0, f"node/{name}", links, routes, neighbours)
    return replace(seen_at(name), conversations=(talk,), network=network)


FIRST, SECOND = node("n1", FAILS, DEFAULT, DOCKER), node("n2", MADE, DEFAULT)


def test_dockers_bridge_hides_a_database() -> None:
    (finding,) = evaluate(service_snapshot(FIRST, SECOND))
    assert (finding.where, finding.confidence) == ("n1 → 172.17.5.5", "certain")
    assert "on its own docker0 (172.17.0.0/16), where nobody has it: n2 reaches it" in finding.title
    assert "ip route add 172.17.5.5 via 192.168.0.254" in finding.fix
    idle = node("n2", replace(MADE, server="198.51.100.1"), DEFAULT)
    (finding,) = evaluate(service_snapshot(FIRST, idle))
    assert finding.confidence == "likely"
    (finding,) = evaluate(service_snapshot(FIRST))  # no other node is open
    assert finding.confidence == "likely" and "nothing is connected to it" in finding.title


@pytest.mark.alike
def test_what_is_something_else() -> None:
    """A container of that node answers for the address, or answers; nobody else knows better; the
    route is by a gateway, or by the NIC."""
    container = (NeighbourRow(DATABASE, "docker0", "02:42:ac:11:05:05"),)
    unresolved = (NeighbourRow(DATABASE, "docker0", ""),)
    assert not evaluate(
        service_snapshot(node("n1", FAILS, DEFAULT, DOCKER, neighbours=container), SECOND)
    )
    assert evaluate(
        service_snapshot(node("n1", FAILS, DEFAULT, DOCKER, neighbours=unresolved), SECOND)
    )
    assert not evaluate(
        service_snapshot(node("n1", replace(FAILS, answered=1), DEFAULT, DOCKER), SECOND)
    )
    assert FIRST.network is not None
    port = LinkRow("veth7", "veth", 1500, "UP", master="docker0")
    in_use = replace(FIRST.network, links=(*FIRST.network.links, port))
    used = replace(FIRST, network=in_use)
    assert not evaluate(service_snapshot(used))
    assert not evaluate(service_snapshot(used, node("n2", MADE, DEFAULT, DOCKER)))
    assert not evaluate(service_snapshot(node("n1", FAILS, DEFAULT), SECOND))
    by_nic = RouteRow("172.17.0.0/16", "eth0")
    assert not evaluate(service_snapshot(node("n1", FAILS, DEFAULT, by_nic), SECOND))


def test_the_most_specific_route() -> None:
    six = RouteRow("2001:db8::/32", "docker0")
    host = node("n1", FAILS, DEFAULT, DOCKER, RouteRow("172.17.5.0/24", "eth0"), six)
    found = [route_to(host, address) for address in (DATABASE, "172.17.9.9", "192.0.2.1")]
    assert [row.destination if row else "" for row in found] == [
        "172.17.5.0/24",
        "172.17.0.0/16",
        "default",
    ]
    assert route_to(host, "2001:db8::5") is six


def test_what_is_refused_there_is_listed_under_it() -> None:
    (finding,) = rules.findings(service_snapshot(FIRST, SECOND))
    assert (finding.rule, len(finding.consequences)) == ("local_route", 1)
