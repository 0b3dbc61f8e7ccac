"""VXLAN devices whose entries for another node are stale, missing, or lead elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import LinkRow, NeighbourRow, NetworkState, NodeRow, PodRow, RouteRow
from diagnosis import rules
from diagnosis.rules._agents import proxy_log, restart_cni_agent
from diagnosis.snapshot import Conversation, Snapshot, TargetView
from tests.support.rules import finder
from tests.support.snapshots import API, POD

evaluate = finder("stale_vtep", "missing_fdb", "wrong_fdb")
ONE = NodeRow("n1", "192.168.0.1", "", True, "linux", "amd64", pod_cidrs=("10.1.0.0/24",))
TWO = NodeRow("n2", "192.168.0.2", "", True, "linux", "amd64", pod_cidrs=("10.2.0.0/24",))
HERE, THERE, OLD = "02:77:c0:a8:00:01", "02:77:c0:a8:00:02", "02:77:de:ad:be:ef"
AGENT = replace(
    API, name="kube-flannel-ds-x2", namespace="kube-flannel", node="n1", ip="192.168.0.1"
)
AGENT = replace(AGENT, host_network=True, workload="DaemonSet/kube-flannel-ds")


def view(name: str, number: int, lladdr: str, *rows: object, kind: str = "vxlan") -> TargetView:
    """A node with flannel.1 and eth0; `rows` are the neighbours and forwarding entries that it has."""
    address = f"192.168.0.{number}"
    links = (
        LinkRow("eth0", "", 1500, "UP", (f"{address}/24",), lladdr=f"52:54:00:00:00:0{number}"),
        LinkRow("flannel.1", kind, 1450, "UP", (f"10.{number}.0.0/32",), lladdr=lladdr),
    )
    other = 3 - number
    routes = (RouteRow(f"10.{other}.0.0/24", "flannel.1", f"10.{other}.0.0"),)
    network = NetworkState(
        100.0,
        f"node/{name}",
        links,
        routes,
        tuple(row for row in rows if isinstance(row, NeighbourRow)),
        tuple(row for row in rows if isinstance(row, tuple)),
    )
    return TargetView(
        f"node/{name}", "node", name, 100.0, "whole node", values={"x": 1}, network=network
    )


def near(lladdr: str, remote: str = "192.168.0.2") -> tuple[object, ...]:
    return NeighbourRow("10.2.0.0", "flannel.1", lladdr), (lladdr, remote, "flannel.1")


BACK = (NeighbourRow("10.1.0.0", "flannel.1", HERE), (HERE, "192.168.0.1", "flannel.1"))
SECOND = view("n2", 2, THERE, *BACK)


def snapshot(*views: TargetView, pods: tuple[PodRow, ...] = (POD, API, AGENT)) -> Snapshot:
    return Snapshot(100.0, views, pods, (ONE, TWO))


def test_the_entry_is_of_a_device_that_was_made_again() -> None:
    (finding,) = evaluate(snapshot(view("n1", 1, HERE, *near(OLD)), SECOND))
    assert (finding.rule, finding.where) == ("stale_vtep", "n1 → n2")
    assert OLD in finding.title and THERE in finding.evidence[1].text
    assert finding.fix.startswith("kubectl -n kube-flannel delete pod kube-flannel-ds-x2  #")


def test_the_entry_is_right_whatever_its_letters() -> None:
    assert not evaluate(snapshot(view("n1", 1, HERE, *near(THERE.upper())), SECOND))


def test_nothing_is_said_of_a_node_that_is_not_open() -> None:
    assert not evaluate(snapshot(view("n1", 1, HERE, *near(OLD))))


def test_the_entry_leads_to_an_address_of_no_node() -> None:
    (finding,) = evaluate(snapshot(view("n1", 1, HERE, *near(THERE, "10.9.9.2")), SECOND))
    assert (finding.rule, finding.confidence) == ("wrong_fdb", "certain")
    assert "to 10.9.9.2, which no node has" in finding.title and "--iface" in finding.fix


def test_the_entry_leads_to_another_node() -> None:
    third = NodeRow("n3", "192.168.0.3", "", True, "linux", "amd64")
    one = view("n1", 1, HERE, *near(THERE, "192.168.0.3"))
    found = evaluate(replace(snapshot(one, SECOND), nodes=(ONE, TWO, third)))
    assert "wrong_fdb" in {f.rule for f in found}
    assert "192.168.0.3, the address of n3" in found[-1].title


@pytest.mark.alike
def test_a_node_with_several_interfaces_is_healthy() -> None:
    """The CNI may use another interface than the node's InternalIP: known from its object, or from
    its interfaces; where neither is known, only while nothing between the two is answered."""
    one = view("n1", 1, HERE, *near(THERE, "10.9.9.2"))
    two = replace(TWO, addresses=("192.168.0.2", "10.9.9.2"))
    assert not evaluate(replace(snapshot(one), nodes=(ONE, two)))
    links = (*SECOND.links, LinkRow("eth1", "", 1500, "UP", ("10.9.9.2/24",)))
    assert SECOND.network is not None
    open_too = replace(SECOND, network=replace(SECOND.network, links=links))
    assert not evaluate(snapshot(one, open_too))
    assert not evaluate(snapshot(one))
    talk = Conversation("TCP", POD.ip, API.ip, 80, flows=5, unanswered=5)
    (finding,) = evaluate(snapshot(replace(one, conversations=(talk,))))
    assert finding.confidence == "possible"
    answered = replace(talk, unanswered=1, answered=4)
    assert not evaluate(snapshot(replace(one, conversations=(answered,))))


def test_an_entry_is_missing() -> None:
    neighbour, _ = near(THERE)
    (finding,) = evaluate(snapshot(view("n1", 1, HERE, neighbour), SECOND))
    assert (finding.rule, finding.where) == ("missing_fdb", "n1 → n2")


def test_devices_that_are_no_vxlan_need_no_entries() -> None:
    assert not evaluate(snapshot(view("n1", 1, HERE, kind="wireguard"), SECOND))


def test_what_fails_between_the_two_nodes_is_listed_under_it() -> None:
    lost = Conversation("TCP", POD.ip, API.ip, 80, flows=9, unanswered=9)
    one = replace(view("n1", 1, HERE, *near(OLD)), conversations=(lost,))
    (finding,) = rules.findings(snapshot(one, SECOND))
    assert finding.rule == "stale_vtep"
    assert [text.partition(":")[0] for text in finding.consequences] == ["shop/api-1"]


def test_what_fails_on_one_node_is_a_finding_of_its_own() -> None:
    near_by = replace(API, name="api-2", node="n1", ip="10.1.0.9", ips=())
    lost = Conversation("TCP", POD.ip, near_by.ip, 80, flows=9, unanswered=9)
    one = replace(view("n1", 1, HERE, *near(OLD)), conversations=(lost,))
    found = rules.findings(snapshot(one, SECOND, pods=(POD, API, near_by)))
    assert {f.rule for f in found} == {"stale_vtep", "unanswered"}


def test_commands_name_the_agents_of_this_cluster() -> None:
    calico = replace(
        AGENT, name="calico-node-9", namespace="calico-system", workload="DaemonSet/calico-node"
    )
    envoy = replace(AGENT, name="cilium-envoy-1", workload="DaemonSet/cilium-envoy")
    cilium = replace(AGENT, name="cilium-1", namespace="kube-system", workload="DaemonSet/cilium")
    assert "-n calico-system delete pod calico-node-9" in restart_cni_agent(
        snapshot(pods=(calico,)), "n1"
    )
    assert "delete pod cilium-1" in restart_cni_agent(snapshot(pods=(envoy, cilium)), "n1")
    assert "k3s" in restart_cni_agent(snapshot(pods=(calico,)), "n2")
    proxy = replace(
        AGENT, name="kube-proxy-7", namespace="kube-system", workload="DaemonSet/kube-proxy"
    )
    assert "-n kube-system logs kube-proxy-7" in proxy_log(snapshot(pods=(proxy,)), "n1")
    assert "where it is a pod" in proxy_log(snapshot(pods=()), "n1")


def test_connections_are_made_all_the_same() -> None:
    works = Conversation("TCP", POD.ip, API.ip, 80, flows=5, answered=5, opened=95.0)
    one = replace(view("n1", 1, HERE, *near(OLD)), conversations=(works,))
    assert not evaluate(snapshot(one, SECOND))
    assert evaluate(snapshot(replace(one, conversations=()), SECOND))
