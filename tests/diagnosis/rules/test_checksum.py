"""Packets that are dropped because of their checksums."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diagnosis import rules
from diagnosis.snapshot import Conversation, TargetView
from tests.support.rules import finder
from tests.support.service_snapshots import service_snapshot
from tests.support.snapshots import API, NEAR, POD, SETUP, node, pod

evaluate = finder("checksum")
LOST = Conversation("TCP", API.ip, POD.ip, 8080, flows=9, unanswered=9)


def dropping(
    name: str = "UdpInCsumErrors", count: int = 40, talk: Conversation = LOST
) -> TargetView:
    return node({}, {name: count}, network=SETUP, conversations=(talk,))


def test_a_node_drops_what_comes_in_its_tunnel() -> None:
    (finding,) = evaluate(service_snapshot(dropping()))
    assert (finding.where, finding.severity) == ("n1", "critical")
    assert finding.title.startswith("n1 drops 40 packets in 15 s")
    assert finding.fix.startswith("# on n2, the other end of the tunnel: checksums by software")
    (finding,) = rules.findings(service_snapshot(dropping()))
    assert (finding.rule, len(finding.consequences)) == ("checksum", 1)


@pytest.mark.alike
def test_a_few_or_none() -> None:
    assert not evaluate(service_snapshot(dropping(count=2)))
    (finding,) = evaluate(service_snapshot(dropping(count=5)))
    assert finding.severity == "warning"


def test_what_it_does_not_explain() -> None:
    """A connection within the node; errors of TCP alone, which is no tunnel's transport."""
    local = replace(LOST, client=NEAR.ip)
    found = rules.findings(service_snapshot(dropping(talk=local)))
    assert {one.rule for one in found} == {"checksum", "unanswered"}
    found = rules.findings(service_snapshot(dropping("TcpInCsumErrors")))
    assert {one.rule for one in found} == {"checksum", "unanswered"}


def test_a_cluster_without_tunnels_has_none_that_is_broken() -> None:
    bare = replace(node({}, {"TcpInCsumErrors": 9}), network=None)
    (finding,) = evaluate(service_snapshot(bare))
    assert "tunnel" not in finding.title and finding.fix.startswith("# on the sender")


def test_a_pod_behind_a_node_with_a_tunnel() -> None:
    errors = pod({}, {"TcpInCsumErrors": 9})
    (finding,) = evaluate(service_snapshot(errors))
    assert "tunnel" not in finding.title
    (finding,) = evaluate(service_snapshot(errors, node(network=SETUP)))
    assert "a tunnel's offload is broken" in finding.title
