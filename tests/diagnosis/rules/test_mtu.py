"""Packets that are too large for the path, and devices whose MTU means nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import LinkRow, NetworkState, RouteRow
from collectors.findings import Finding
from diagnosis import rules
from diagnosis.paths import Retransmissions
from diagnosis.snapshot import Conversation, Snapshot
from tests.support import one_interface
from tests.support.path_snapshots import (
    CLIENT,
    PODS,
    SECOND,
    SERVICE,
    WELL,
    WELL_TOO,
    answers,
    data,
    direction,
    node as path_node,
    snapshot,
)
from tests.support.snapshots import (
    API,
    ETH,
    NODE,
    OTHER,
    OVERLAY,
    POD,
    ROUTES,
    SETUP,
    found,
    node,
    pod,
    talk,
)

INNER = LinkRow("eth0", "veth", 1500, "UP", (f"{POD.ip}/24",))


def own(mtu: int = 1500, *routes: RouteRow) -> NetworkState:
    return NetworkState(100.0, "pod/shop/web-1", (replace(INNER, mtu=mtu),), routes)


def mtu(
    host: NetworkState = SETUP, inner: NetworkState | None = None, **more: Any
) -> Finding | None:
    return found(node(network=host), pod(network=inner or own(1450)), **more).get("mtu")


def beside(link: LinkRow, *routes: RouteRow) -> NetworkState:
    """The overlay, and another device."""
    return replace(SETUP, links=(ETH, OVERLAY, link), routes=(*ROUTES, *routes))


def test_pods_are_above_the_overlay() -> None:
    finding = mtu(inner=own())
    assert finding is not None and finding.severity == "warning"
    assert finding.title == "Pods send up to 1500 bytes, the overlay carries 1450"
    assert mtu(inner=own(1450)) is None


def test_routes_in_the_pod_have_the_overlay_s_mtu() -> None:
    """As Cilium's."""
    route = RouteRow("default", "eth0", "10.1.0.1", 1450)
    assert mtu(inner=own(1500, route)) is None
    assert mtu(inner=own(1500, replace(route, mtu=None))) is not None


def test_a_pod_in_its_host_s_network_has_the_host_s_interface() -> None:
    at_host = replace(POD, host_network=True)
    view = replace(pod(network=own()), pod=at_host)
    assert "mtu" not in found(node(network=SETUP), view)


def test_the_overlay_is_larger_than_what_carries_it() -> None:
    large = replace(OVERLAY, mtu=1500)
    finding = mtu(replace(SETUP, links=(ETH, large)))
    assert finding is not None and finding.severity == "critical"
    assert "(1550 bytes) do not fit into eth0 (1500)" in finding.title
    jumbo = replace(SETUP, links=(replace(ETH, mtu=9000), large))
    assert mtu(jumbo, own(1500)) is None


def test_an_overlay_of_which_no_more_is_known_is_one() -> None:
    """Of an `ip` without details."""
    bare = replace(OVERLAY, mtu=1500, detail="")
    assert mtu(replace(SETUP, links=(ETH, bare))) is not None


def test_devices_of_open_vswitch_and_cilium_have_a_nominal_mtu() -> None:
    for name, kind, size in (
        ("genev_sys_6081", "geneve", 65_000),
        ("vxlan_sys_4789", "vxlan", 65_000),
        ("cilium_vxlan", "vxlan", 1_500),
    ):
        device = LinkRow(name, kind, size, "UNKNOWN", (), detail="id 0 port 4789")
        assert mtu(beside(device, RouteRow("10.2.0.0/24", name))) is None


@pytest.mark.alike
def test_a_vpn_of_the_node_and_what_a_cni_left() -> None:
    vpn = LinkRow("wg0", "wireguard", 1_280, "UNKNOWN", ("172.30.0.1/24",))
    left = LinkRow("tunl0", "ipip", 1_300, "DOWN", ("10.1.0.77/32",))
    assert mtu(beside(vpn, RouteRow("172.30.0.0/24", "wg0"))) is None
    assert mtu(beside(left)) is None
    unknown = (replace(NODE, pod_cidrs=()), replace(OTHER, pod_cidrs=()))
    assert mtu(inner=own(), nodes=unknown) is not None


def test_full_size_segments_alone_do_not_pass() -> None:
    failing = node({}, {"IpFragFails": 4}, conversations=(talk(stuck=3),))
    assert found(failing)["mtu"].confidence == "certain"
    assert "mtu" not in found(node({}, {"IpFragFails": 4}, conversations=(talk(),)))
    assert "mtu" not in found(node(conversations=(talk(stuck=1),)))


def test_pods_of_a_node_are_one_finding_and_the_black_hole_follows_from_it() -> None:
    """Where the node counts packets as too large, large segments alone are lost because of it."""
    twin = replace(POD, name="web-2", uid="u9", ip="10.1.0.77")
    views = (
        node(network=SETUP, deltas={"IpFragFails": 9}),
        pod(network=own(), conversations=(talk(stuck=3, retransmitted=9),)),
        replace(pod(network=own()), key="pod/shop/web-2", pod=twin),
    )
    findings = rules.findings(Snapshot(100.0, views, pods=(POD, API, twin), nodes=(NODE, OTHER)))
    assert [one.rule for one in findings].count("mtu") == 1
    (finding,) = [one for one in findings if one.rule == "mtu"]
    assert any("an MTU black hole" in text for text in finding.consequences)


def large_segments_lost(**counted: int) -> list[str]:
    """Of what a node drops segments of full size alone, the rules that are said."""
    back = direction(
        answers(100, 900, large=1_000), answers(100, 900, large=100), Retransmissions(timeout=800)
    )
    lossy = replace(WELL, to_client=back)
    pods = replace(pod(network=own()), pod=PODS[0], node="n1")
    host = path_node(lossy, WELL_TOO, network=SETUP, deltas=counted, seconds=15.0)
    findings = rules.findings(snapshot(host, pods))
    return sorted(f.rule for f in findings if f.rule in ("mtu", "packet_loss"))


def test_a_node_that_counts_them_as_too_large_drops_large_segments_for_that() -> None:
    assert large_segments_lost(IpFragFails=900) == ["mtu"]
    assert large_segments_lost() == ["mtu", "packet_loss"]


@pytest.mark.alike
def test_loss_that_lets_full_size_segments_of_most_connections_pass_is_no_black_hole() -> None:
    assert "mtu" in found(node(conversations=(talk(stuck=3, large=5),)))
    assert "mtu" not in found(node(conversations=(talk(stuck=3, large=9),)))


def test_the_overlay_is_carried_by_a_second_interface() -> None:
    """And the default route by the first."""
    jumbo = LinkRow("eth1", "", 9000, "UP", ("10.99.0.1/24",))
    large = replace(OVERLAY, mtu=8950, detail="id 1 local 10.99.0.1 port 8472")
    assert mtu(replace(SETUP, links=(ETH, jumbo, large)), own(8950)) is None
    small = (replace(ETH, mtu=9000), replace(jumbo, mtu=1500), large)
    finding = mtu(replace(SETUP, links=small), own(8950))
    assert finding is not None and "do not fit into eth1 (1500)" in finding.title


def test_what_ipv6_counts_as_too_large() -> None:
    stuck = pod(conversations=(talk(stuck=1, large=1),))
    for name in ("Ip6FragFails", "Ip6InTooBigErrors"):
        finding = found(node({}, {name: 50}), stuck)["mtu"]
        assert finding.confidence == "certain"
        assert any(name in one.text for one in finding.evidence)


def test_requests_that_do_not_get_through_behind_a_node_are_one_cause() -> None:
    again = Retransmissions(timeout=90)
    row = replace(WELL, answered=0, silent=50, to_server=direction(data(100, 0, 190), again=again))
    stuck = Conversation("TCP", CLIENT, SERVICE, 80, flows=50, answered=50, stuck=40, large=50)
    view = replace(path_node(row), conversations=(stuck,))
    (finding,) = rules.findings(Snapshot(0.0, (view,)))
    assert finding.rule == "mtu" and "is not acknowledged" in finding.consequences[0]
    passing = replace(stuck, stuck=0)
    found = rules.findings(Snapshot(0.0, (replace(view, conversations=(passing,)),)))
    assert [one.rule for one in found] == ["packet_loss"]


def test_answers_that_leave_one_node_and_do_not_come_to_another_are_one_cause() -> None:
    """The client's node sees an endpoint that never answers."""
    silent = replace(WELL, endpoint=SECOND, answered=0, silent=90)
    stuck = Conversation("TCP", CLIENT, SECOND, 8080, flows=90, answered=90, stuck=60, large=90)
    there = replace(path_node(name="n2"), conversations=(stuck,))
    (finding,) = rules.findings(Snapshot(0.0, (path_node(WELL, silent), there)))
    assert finding.rule == "mtu" and "never answers a request" in finding.consequences[0]
    (alone,) = rules.findings(Snapshot(0.0, (path_node(WELL, silent),)))
    assert (alone.rule, alone.confidence) == ("endpoint_failing", "likely")


def of_one_endpoint(**more: int) -> list[str]:
    """At the client's end: large requests to one of two endpoints stay without an ACK."""
    counts: dict[str, Any] = {"stuck": 45, "large": 100, "retransmitted": 400, "stuck_again": 400}
    waiting, lost = one_interface.talk(**counts | more), Retransmissions(timeout=400)
    view = one_interface.captured(one_interface.retransmitting(lost, silent=45), talks=(waiting,))
    return [one.rule for one in rules.findings(view) if one.rule in ("mtu", "retransmits")]


def test_large_segments_to_one_of_two_endpoints_never_pass() -> None:
    """And what is retransmitted follows from it."""
    assert of_one_endpoint() == ["mtu"]


@pytest.mark.alike
def test_loss_of_which_other_connections_lose_some_as_well() -> None:
    assert of_one_endpoint(retransmitted=460) == ["retransmits"]
    assert of_one_endpoint(unanswered=3) == ["retransmits"]
    assert of_one_endpoint(stuck=15) == ["retransmits"]
