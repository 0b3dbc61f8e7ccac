"""Packets that reverse-path filtering drops: those that somebody misses, and stray ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diagnosis import rules
from diagnosis.lookups import DnsSummary
from tests.support import path_snapshots as paths
from tests.support.snapshots import API, found, node, pod, talk

DROPS = {"TcpExtIPReversePathFilter": 30}


def test_connections_fail_meanwhile() -> None:
    for seen in (
        node({}, DROPS, conversations=(talk(unanswered=3, answered=0),)),
        node({}, {**DROPS, "TcpExtTCPSynRetrans": 4}),
        node({}, DROPS, lookups=DnsSummary(15.0, 9, 5, unanswered=4)),
    ):
        assert found(seen)["rp_filter"].severity == "critical"


def test_stray_packets_that_nobody_misses() -> None:
    """Of another interface's network, or of a scan: it does what it is there for."""
    finding = found(node({}, DROPS, conversations=(talk(),)))["rp_filter"]
    assert finding.severity == "info"


@pytest.mark.alike
def test_a_few_and_those_of_long_ago() -> None:
    assert "rp_filter" not in found(node({}, {"TcpExtIPReversePathFilter": 2}))
    assert "rp_filter" not in found(node({"TcpExtIPReversePathFilter": 9_000}))


def test_connections_that_fail_while_it_stands_still() -> None:
    assert "rp_filter" not in found(pod(conversations=(talk(unanswered=9, answered=0),)))


def test_what_fails_on_other_nodes_is_not_this() -> None:
    """Stray packets here, and a retransmitted SYN there."""
    far = replace(pod({}, {"TcpExtTCPSynRetrans": 1}), key="pod/shop/api-1", pod=API, node="n2")
    host = node({}, DROPS)
    assert found(host, far)["rp_filter"].severity == "info"
    there = replace(far, conversations=(talk(unanswered=9, answered=0),))
    assert found(host, there)["rp_filter"].severity == "critical"  # of a pod of this node


def test_filtering_that_is_loose_already() -> None:
    seen = pod(conversations=(talk(unanswered=9, answered=0),))
    for value, wanted in ((1, "rp_filter = 2"), (2, "ip route get SOURCE")):
        finding = found(node({"sysctl net.ipv4.conf.all.rp_filter": value}, DROPS), seen)[
            "rp_filter"
        ]
        assert wanted in finding.fix and (value == 1) == ("rp_filter = 2" in finding.fix)


def test_endpoints_that_get_nothing_on_a_node_that_drops() -> None:
    """SYNs leave n1 for the endpoint, and nothing comes back."""
    sent = paths.direction(paths.data(100, 0))
    unanswered = replace(paths.LOST, endpoint=paths.SECOND, endpoint_port=8080, to_server=sent)
    dropping = replace(node({}, DROPS), key="node/n2", node="n2")
    for where, said in (("n2", {"rp_filter"}), ("n3", {"rp_filter", "endpoint_failing"})):
        pods = (*paths.PODS[:2], replace(paths.PODS[2], node=where))
        moment = paths.snapshot(paths.node(paths.WELL, unanswered), dropping, pods=pods)
        assert {one.rule for one in rules.findings(moment)} == said
