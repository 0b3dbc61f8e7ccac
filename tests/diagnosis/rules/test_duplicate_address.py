"""Two pods, or two machines, with one address."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import LinkRow, NeighbourRow, NetworkState
from collectors.findings import Finding
from diagnosis import rules
from diagnosis.snapshot import Conversation, Snapshot, TargetView
from diagnosis.wire_neighbours import WireNeighbour
from tests.support.rules import finder
from tests.support.snapshots import API, NODE, OTHER, POD

evaluate = finder("duplicate_address")
TWIN = replace(API, name="twin", uid="u9", ip=POD.ip)
MAC, ELSE = "0a:00:00:00:00:05", "0a:00:00:00:00:66"
NICS = {"n1": "52:54:00:00:00:01", "n2": "52:54:00:00:00:02"}


def node(name: str, *neighbours: NeighbourRow) -> TargetView:
    address = {"n1": NODE, "n2": OTHER}[name].address
    links = (LinkRow("eth0", "", 1500, "UP", (f"{address}/24",), lladdr=NICS[name]),)
    network = NetworkState(100.0, f"node/{name}", links, neighbours=neighbours)
    return TargetView(
        f"node/{name}", "node", name, 100.0, "whole node", values={"x": 1}, network=network
    )


def opened() -> TargetView:
    link = LinkRow("eth0", "veth", 1450, "UP", (f"{POD.ip}/32",), lladdr=MAC)
    network = NetworkState(100.0, "pod/shop/web-1", (link,))
    return TargetView(
        "pod/shop/web-1", "pod", "n1", 100.0, "this pod", POD, values={"x": 1}, network=network
    )


def snapshot(*views: TargetView, **more: object) -> Snapshot:
    rows = {"pods": (POD, API), "nodes": (NODE, OTHER), **more}
    return Snapshot(100.0, views, **rows)  # type: ignore[arg-type]


TRUE = node("n2", NeighbourRow(NODE.address, "eth0", NICS["n1"]))


def test_two_running_pods_with_one_address() -> None:
    (finding,) = evaluate(snapshot(pods=(POD, TWIN)))
    assert finding.title.startswith(f"2 running pods have the address {POD.ip}: shop/web-1 on n1")
    assert (finding.severity, finding.subject.detail) == ("critical", POD.ip)
    assert evaluate(snapshot(pods=(POD, replace(TWIN, node="n9"))))  # of a node that is not listed


@pytest.mark.alike
def test_pods_that_share_an_address_rightly() -> None:
    """A finished pod's address is used again; pods of the host's network have the node's; one that
    ends still has its own; a node that is gone keeps its pods for a while; an address that was
    given a moment ago."""
    for other in (
        replace(TWIN, ended=True, phase="Succeeded", ip=""),
        replace(TWIN, host_network=True),
        replace(TWIN, phase="Terminating"),
        replace(TWIN, created=95.0),
    ):
        assert not evaluate(snapshot(pods=(POD, other))), other
    assert not evaluate(snapshot(pods=(POD, TWIN), nodes=(NODE, replace(OTHER, ready=False))))


def test_another_device_answers_for_a_pod() -> None:
    first = node("n1", NeighbourRow(POD.ip, "cni0", ELSE))
    (finding,) = evaluate(snapshot(opened(), first, TRUE))
    assert finding.where == f"shop/web-1 {POD.ip}" and ELSE in finding.title
    assert f"grep -i {ELSE}" in finding.fix
    assert not evaluate(snapshot(opened(), node("n1", NeighbourRow(POD.ip, "cni0", MAC)), TRUE))
    assert not evaluate(snapshot(opened(), node("n1", NeighbourRow(POD.ip, "cni0", "")), TRUE))


def test_the_device_that_answers_is_another_pod() -> None:
    """Its own address is at the same link-layer address, rightly: no router that answers for all."""
    near = replace(API, node="n1", ip="10.1.0.9", ips=())
    link = LinkRow("eth0", "veth", 1450, "UP", (f"{near.ip}/32",), lladdr=ELSE)
    claims = replace(
        opened(), key="pod/shop/api-1", pod=near, network=NetworkState(100.0, "pod/x", (link,))
    )
    rows = (NeighbourRow(POD.ip, "cni0", ELSE), NeighbourRow(near.ip, "cni0", ELSE))
    (finding,) = evaluate(snapshot(opened(), claims, node("n1", *rows), TRUE, pods=(POD, near)))
    assert finding.where == f"shop/web-1 {POD.ip}"
    assert any("is that of shop/api-1" in one.text for one in finding.evidence)


def test_another_machine_has_a_nodes_address() -> None:
    gateway = NeighbourRow("192.168.0.254", "eth0", ELSE)
    first = node("n1", NeighbourRow(OTHER.address, "eth0", ELSE), gateway)
    (finding,) = evaluate(snapshot(first, TRUE))
    assert finding.where == f"n2 {OTHER.address}"
    assert any("is that of 192.168.0.254" in one.text for one in finding.evidence)


def test_one_interface_answers_for_two_pods_of_a_bridge() -> None:
    """What a node alone shows, where no pod is open."""
    near = replace(API, node="n1", ip="10.1.0.9", ips=())
    rows = (NeighbourRow(POD.ip, "cni0", ELSE), NeighbourRow(near.ip, "cni0", ELSE))
    view = node("n1", *rows)
    assert view.network is not None
    links = (*view.network.links, LinkRow("cni0", "bridge", 1450, "UP", ("10.1.0.1/24",)))
    view = replace(view, network=replace(view.network, links=links))
    (finding,) = evaluate(snapshot(view, pods=(POD, near)))
    assert finding.title.endswith("2 pods: shop/web-1, shop/api-1")
    refused = Conversation("TCP", POD.ip, near.ip, 80, flows=9, refused=9)
    lost = snapshot(replace(view, conversations=(refused,)), pods=(POD, near))
    assert [f.rule for f in rules.findings(lost)] == ["duplicate_address"]
    # pods of another node behind its address (ipvlan), and no bridge
    assert not evaluate(snapshot(view, pods=(POD, replace(near, node="n2"))))
    assert not evaluate(snapshot(node("n1", *rows), pods=(POD, near)))


@pytest.mark.alike
def test_a_router_that_answers_for_everybody() -> None:
    """Azure's network has one link-layer address for all: every node sees every other so."""
    first = node("n1", NeighbourRow(OTHER.address, "eth0", "12:34:56:78:9a:bc"))
    second = node("n2", NeighbourRow(NODE.address, "eth0", "12:34:56:78:9a:bc"))
    assert not evaluate(snapshot(first, second))
    third = replace(OTHER, name="n3", address="192.168.0.3")
    first = node(
        "n1",
        NeighbourRow(OTHER.address, "eth0", "12:34:56:78:9a:bc"),
        NeighbourRow(third.address, "eth0", "12:34:56:78:9a:bc"),
    )
    assert not evaluate(snapshot(first, TRUE, nodes=(NODE, OTHER, third)))


def test_the_entries_of_tunnels_are_no_neighbours() -> None:
    first = node("n1", NeighbourRow(OTHER.address, "flannel.1", ELSE))
    assert first.network is not None
    links = (*first.links, LinkRow("flannel.1", "vxlan", 1450, "UP"))
    first = replace(first, network=replace(first.network, links=links))
    assert not evaluate(snapshot(first, TRUE))


def test_what_fails_at_the_address_is_listed_under_it() -> None:
    refused = Conversation("TCP", API.ip, POD.ip, 80, flows=9, refused=9)
    first = node("n1", NeighbourRow(POD.ip, "cni0", ELSE))
    first = replace(first, conversations=(refused,))
    (finding,) = rules.findings(snapshot(opened(), first, TRUE))
    assert (finding.rule, len(finding.consequences)) == ("duplicate_address", 1)
    elsewhere = replace(refused, client=POD.ip, server=API.ip)
    first = replace(first, conversations=(refused, replace(elsewhere, server="203.0.113.5")))
    found = rules.findings(snapshot(opened(), first, TRUE))
    assert {f.rule for f in found} >= {"duplicate_address"}


def with_links(view: TargetView, *links: LinkRow) -> TargetView:
    assert view.network is not None
    return replace(view, network=replace(view.network, links=(*view.network.links, *links)))


def test_a_machine_answers_by_another_of_its_interfaces() -> None:
    """arp_ignore is 0: any interface answers for all of its addresses."""
    first = node("n1", NeighbourRow(OTHER.address, "eth0", ELSE))
    assert evaluate(snapshot(first, TRUE))
    second = with_links(TRUE, LinkRow("eth1", "", 1500, "UP", ("192.168.9.2/24",), lladdr=ELSE))
    assert not evaluate(snapshot(first, second))
    first = node("n1", NeighbourRow(POD.ip, "cni0", ELSE))
    other = LinkRow("net1", "macvlan", 1500, "UP", ("172.31.0.5/24",), lladdr=ELSE)
    assert not evaluate(snapshot(with_links(opened(), other), first, TRUE))


@pytest.mark.alike
def test_a_virtual_address_that_each_node_has() -> None:
    """IPVS has the addresses of Services on a device of every node; one announces it."""
    virtual = "192.168.0.100"
    device = LinkRow("kube-ipvs0", "dummy", 1500, "DOWN", (f"{virtual}/32",), lladdr=MAC)
    holder = with_links(TRUE, LinkRow("vip", "", 1500, "UP", (f"{virtual}/32",), lladdr=ELSE))
    third = replace(node("n1", NeighbourRow(virtual, "eth0", ELSE)), key="node/n3", node="n3")
    assert evaluate(snapshot(with_links(node("n1"), device), third, TRUE))
    assert not evaluate(snapshot(with_links(node("n1"), device), third, holder))


def test_a_cloud_that_answers_for_nodes_beside_pods_on_a_bridge() -> None:
    """Two nodes, each sees the other at the cloud's address, and its own pods as they are."""
    cloud = "12:34:56:78:9a:bc"
    first = node(
        "n1", NeighbourRow(OTHER.address, "eth0", cloud), NeighbourRow(POD.ip, "cbr0", MAC)
    )
    second = node("n2", NeighbourRow(NODE.address, "eth0", cloud))
    assert not evaluate(snapshot(opened(), first, second))
    assert not evaluate(snapshot(opened(), first, node("n2")))


# --- a capture alone

TURNS = WireNeighbour("10.244.1.20", macs=("02:00:00:00:00:01", "02:00:00:00:00:02"), changes=6)
REFUSED = Conversation("TCP", "10.244.1.10", "10.244.1.20", 8080, flows=40, answered=20, refused=20)


def on_the_wire(neighbour: WireNeighbour, talk: Conversation) -> list[Finding]:
    view = TargetView(
        "pcap/a.pcap", "pcap", "", 0.0, "capture", conversations=(talk,), wire=(neighbour,)
    )
    return rules.findings(Snapshot(0.0, (view,)))


def test_two_owners_of_an_address_in_turns() -> None:
    (finding,) = on_the_wire(TURNS, REFUSED)
    assert (finding.rule, finding.confidence) == ("duplicate_address", "likely")
    assert "02:00:00:00:00:01, 02:00:00:00:00:02 say so in turns" in finding.title
    assert [text.partition(":")[0] for text in finding.consequences] == ["10.244.1.20"]


@pytest.mark.alike
def test_an_address_that_moves_or_of_which_nothing_fails() -> None:
    (moved,) = on_the_wire(replace(TURNS, changes=1), REFUSED)
    assert moved.rule == "refused"
    assert not on_the_wire(TURNS, replace(REFUSED, answered=40, refused=0))
