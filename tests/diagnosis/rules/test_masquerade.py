"""Pods' addresses that leave the cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import NetworkState
from diagnosis import rules
from diagnosis.paths import PathDirection, PathRow, Segments
from diagnosis.snapshot import Conversation, TargetView
from tests.support.rules import finder
from tests.support.service_snapshots import path, seen_at, service_snapshot
from tests.support.snapshots import API, ETH, NODE, OTHER, OVERLAY, POD

evaluate = finder("masquerade")
OUTSIDE = "203.0.113.9"
LEFT = PathDirection(left=Segments(syn=9))


def leaves(client: str, sent_as: str, server: str = OUTSIDE, **counts: int) -> PathRow:
    row = path(server, 443, asked=server, asked_port=443, client=client, **counts)
    return replace(row, sent_as=sent_as, to_server=LEFT)


LOST = leaves(POD.ip, POD.ip, unanswered=9)
RIGHT = leaves(API.ip, OTHER.address, completed=9)


def views(one: PathRow, other: PathRow) -> tuple[TargetView, TargetView]:
    return seen_at("n1", one), seen_at("n2", other)


def test_one_node_has_lost_it() -> None:
    (finding,) = evaluate(service_snapshot(*views(LOST, RIGHT)))
    assert (finding.where, finding.confidence) == ("n1", "certain")
    assert "n1 for 203.0.113.9:443 with the pods' own addresses" in finding.title
    assert "as n2 does" in finding.title
    other = replace(RIGHT, endpoint="198.51.100.2", asked="198.51.100.2")
    (finding,) = evaluate(service_snapshot(*views(LOST, other)))
    assert finding.confidence == "likely"


def test_what_kube_proxy_masquerades_for_a_service_is_not_the_cnis() -> None:
    by_service = leaves(POD.ip, NODE.address, server="203.0.113.7", completed=9)
    by_service = replace(by_service, asked="10.96.90.8")
    views_of = (seen_at("n1", LOST, by_service), seen_at("n2", RIGHT))
    (finding,) = evaluate(service_snapshot(*views_of))
    assert finding.where == "n1" and "203.0.113.7" not in finding.title
    by_service = replace(by_service, client=API.ip, sent_as=OTHER.address)
    views_of = (seen_at("n1", LOST), seen_at("n2", by_service))
    assert not evaluate(service_snapshot(*views_of))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # the network routes to pods: they are answered, or nobody masquerades and a server is down
        (leaves(POD.ip, POD.ip, completed=9), RIGHT),
        (LOST, leaves(API.ip, API.ip, unanswered=9)),
        (LOST, leaves(API.ip, API.ip, completed=9)),
        # masqueraded, and the server is down
        (leaves(POD.ip, NODE.address, unanswered=9), RIGHT),
        # between pods there is no NAT; an address of a range of pods, a node
        (replace(LOST, endpoint=API.ip, asked=API.ip), RIGHT),
        (replace(LOST, endpoint="10.2.0.99"), RIGHT),
        (replace(LOST, endpoint=OTHER.address), RIGHT),
        # it never left the node: a policy, perhaps
        (replace(LOST, to_server=PathDirection()), RIGHT),
        # a few
        (replace(LOST, unanswered=2), RIGHT),
        # a node's own program has the node's address
        (leaves(NODE.address, NODE.address, unanswered=9), RIGHT),
    ],
)
@pytest.mark.alike
def test_what_is_healthy_or_something_else(one: PathRow, other: PathRow) -> None:
    assert not evaluate(service_snapshot(*views(one, other)))


def test_one_node_alone_behind_an_overlay() -> None:
    """Nobody outside knows a route to its pods; where there is none, the network may."""
    network = NetworkState(100.0, "node/n1", (ETH, OVERLAY))
    (finding,) = evaluate(service_snapshot(replace(seen_at("n1", LOST), network=network)))
    assert finding.confidence == "possible"
    assert finding.title.endswith("no route from outside leads to an overlay")
    assert not evaluate(service_snapshot(seen_at("n1", LOST)))
    made = leaves(POD.ip, POD.ip, "198.51.100.2", completed=3)
    assert not evaluate(service_snapshot(replace(seen_at("n1", LOST, made), network=network)))


def test_what_is_unanswered_outside_is_listed_under_it() -> None:
    silent = Conversation("TCP", POD.ip, OUTSIDE, 443, flows=9, unanswered=9)
    first = replace(seen_at("n1", LOST), conversations=(silent,))
    (finding,) = rules.findings(service_snapshot(first, seen_at("n2", RIGHT)))
    assert (finding.rule, len(finding.consequences)) == ("masquerade", 1)
    fails_elsewhere = replace(silent, client=API.ip)
    second = replace(seen_at("n2", RIGHT), conversations=(fails_elsewhere,))
    found = rules.findings(service_snapshot(first, second))
    assert {one.rule for one in found} == {"masquerade", "unanswered"}


ELSEWHERE = leaves(POD.ip, NODE.address, "198.51.100.2", completed=9)


def both(*rows: PathRow) -> TargetView:
    return replace(seen_at("n1", rows[0]), paths=rows)


def test_a_node_that_masquerades_what_a_service_leads_to() -> None:
    """kube-proxy has rules of its own for that."""
    of_service = replace(ELSEWHERE, asked="10.96.0.9")
    (finding,) = evaluate(service_snapshot(both(LOST, of_service), seen_at("n2", RIGHT)))
    assert (finding.where, finding.confidence) == ("n1", "certain")


def test_a_rule_for_some_addresses_while_a_server_is_down() -> None:
    """Nothing shows that these were ever to be masqueraded."""
    down = replace(RIGHT, endpoint="198.51.100.9", asked="198.51.100.9")
    assert not evaluate(service_snapshot(both(LOST, ELSEWHERE), seen_at("n2", down)))


def test_what_other_pods_of_the_node_reach_translated() -> None:
    other = replace(ELSEWHERE, endpoint=OUTSIDE, asked=OUTSIDE, endpoint_port=443, asked_port=443)
    assert not evaluate(service_snapshot(both(LOST, other), seen_at("n2", RIGHT)))


def test_families_and_private_addresses_are_compared_apart() -> None:
    """IPv6 is not masqueraded by default; ip-masq-agent leaves private addresses alone."""
    six = replace(POD, ips=(POD.ip, "fd00:1::5"))
    lost = leaves("fd00:1::5", "fd00:1::5", "2001:db8::9", unanswered=9)
    assert not evaluate(service_snapshot(*views(lost, RIGHT), pods=(six, API)))
    other = leaves(API.ip, OTHER.address, "2001:db8::7", completed=9)
    assert evaluate(service_snapshot(*views(lost, other), pods=(six, API)))
    near = leaves(POD.ip, POD.ip, "10.50.0.9", unanswered=9)
    assert not evaluate(service_snapshot(*views(near, RIGHT)))
    private = leaves(API.ip, OTHER.address, "10.60.0.9", completed=9)
    assert evaluate(service_snapshot(*views(near, private)))
