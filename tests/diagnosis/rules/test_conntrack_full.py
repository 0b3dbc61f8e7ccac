"""What follows from a full table is listed under it; what does not is a finding of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import ProbeRow, ServiceRow, SliceRow
from diagnosis import rules
from diagnosis.readiness_flips import ReadinessFlips
from diagnosis.snapshot import Conversation, TargetView
from tests.support.path_snapshots import API, CLIENT, PODS, SERVICE, SLICE, node, pod, snapshot
from tests.support.snapshots import (
    API as API_POD,
    NEAR,
    POD,
    found as everything,
    node as node_of,
    pod as pod_of,
)

FULL = {"conntrack_count": 4_569, "conntrack_max": 4_569}
DROPPING = replace(node(), values=FULL, deltas={"conntrack_drop": 900}, seconds=15.0)
DNS = ServiceRow(
    "kube-system", "kube-dns", ("10.96.0.10",), ("53/UDP",), "ClusterIP", (("k8s-app", "dns"),)
)
DNS_SLICE = SliceRow("kube-system", "kube-dns-1", "kube-dns", (), ("10.244.1.9",), ())


def probe(message: str) -> ProbeRow:
    return ProbeRow("kube-system", "dns-1.1", "dns-1", message, 5, 0.0)


def found(
    view: TargetView, message: str, at_node: str = "n1", flips: tuple[ReadinessFlips, ...] = ()
) -> set[str]:
    dns = replace(
        pod("dns-1", "10.244.1.9", at_node),
        namespace="kube-system",
        ready="0/1",
        labels=(("k8s-app", "dns"),),
    )
    talk = Conversation("TCP", CLIENT, SERVICE, 80, flows=50, answered=5, unanswered=40)
    known = snapshot(
        replace(view, conversations=(talk,)),
        pods=(*PODS, dns),
        services=(API, DNS),
        slices=(SLICE, DNS_SLICE),
        probes=(probe(message),),
        flips=flips,
    )
    return {finding.rule for finding in rules.findings(known)}


def test_lost_connections_late_probes_and_its_own_small_limit_are_its_consequences() -> None:
    assert found(DROPPING, "context deadline exceeded") == {"conntrack_full"}


def test_readiness_that_comes_and_goes_for_it_is_its_consequence() -> None:
    flips = (ReadinessFlips("kube-system", "dns-1", 6, 30.0, 99.0),)
    assert found(DROPPING, "context deadline exceeded", flips=flips) == {"conntrack_full"}
    assert "flapping" in found(DROPPING, "statuscode: 503", flips=flips)


def test_a_probe_that_is_answered_with_an_error_is_another_matter() -> None:
    assert "endpoints" in found(DROPPING, "HTTP probe failed with statuscode: 503")
    assert "endpoints" in found(DROPPING, "context deadline exceeded", at_node="n2")


def test_a_table_that_fills_up_and_drops_nothing_explains_no_lost_connection() -> None:
    filling = replace(DROPPING, deltas={}, values=FULL | {"conntrack_count": 3_600})
    assert {"conntrack_full", "unanswered", "endpoints"} <= found(filling, "deadline exceeded")


def test_what_failed_before_its_counters_were_read() -> None:
    """A console that was attached a moment ago: the table has dropped, nobody knows when."""
    before = FULL | {"conntrack_drop": 8_988, "conntrack_count": 4_300}
    just = replace(DROPPING, values=before, deltas={}, seconds=3.0)
    talk = Conversation("TCP", CLIENT, SERVICE, 80, flows=50, answered=5, unanswered=40)

    def said(view: TargetView, lost: Conversation = talk) -> set[str]:
        known = snapshot(replace(view, conversations=(lost,)))
        return {one.rule for one in rules.findings(known)}

    assert said(just) == {"conntrack_full"}
    both = {"conntrack_full", "unanswered"}
    assert said(replace(just, seconds=15.0)) == both, "it drops nothing now"
    assert said(replace(just, values=before | {"conntrack_drop": 0})) == both
    assert said(replace(just, values=before | {"conntrack_count": 3_900})) == both, "85 % full"
    assert said(just, replace(talk, passed=40)) == both, "SYNs left the node"


def test_connections_whose_ends_nobody_knows_pass_the_node_that_sees_them() -> None:
    """Pods of a namespace that was not listed, as in a recording of one namespace."""
    lost = Conversation("TCP", "10.244.9.7", "10.244.9.8", 80, flows=9, unanswered=9)
    full, pod_view = replace(DROPPING, conversations=(lost,)), pod_of({}, {})
    near = replace(pod_view, conversations=(lost,))

    def said(*views: TargetView) -> set[str]:
        return {one.rule for one in rules.findings(snapshot(*views))}

    assert said(full) == {"conntrack_full"}
    assert said(DROPPING, near) == {"conntrack_full", "unanswered"}


def test_a_pod_s_own_table_is_full() -> None:
    """A mesh translates in the pod: its namespace counts for itself, the limit is the node's."""
    pod_view = pod_of(FULL | {"TcpRetransSegs": 1}, {"conntrack_drop": 40})
    lost = Conversation("TCP", POD.ip, NEAR.ip, 80, flows=9, unanswered=9)
    findings = everything(replace(pod_view, conversations=(lost,)))
    finding = findings["conntrack_full"]
    assert finding.title == "The pod's own conntrack table is full: new connections are dropped"
    assert finding.where == "shop/web-1" and "unanswered" not in findings
    other = replace(lost, client=API_POD.ip)
    assert "unanswered" in everything(replace(pod_view, conversations=(other,)))


def test_a_pod_of_the_host_s_network_has_the_node_s_table() -> None:
    host = replace(POD, host_network=True)
    view = replace(pod_of(FULL), pod=host)
    assert "conntrack_full" not in everything(view, pods=(host,))


@pytest.mark.alike
def test_a_busy_table_with_room_and_drops_of_another_cause() -> None:
    """A hundred thousand entries are few of 262,144; packets that race are dropped as well."""
    busy = {"conntrack_count": 196_000, "conntrack_max": 262_144}
    assert "conntrack_full" not in everything(node_of(busy, {"conntrack_drop": 40}))
    assert "conntrack_full" in everything(node_of(busy | {"conntrack_count": 197_000}))
    unlimited = {"conntrack_count": 5_000, "conntrack_max": 0}
    assert "conntrack_full" not in everything(node_of(unlimited, {"conntrack_drop": 40}))
