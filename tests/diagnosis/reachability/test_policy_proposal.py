"""A policy from traffic: the least that admits what was seen, and what it would newly cut."""

from __future__ import annotations

import json
from dataclasses import replace

import yaml

from collectors.events import (
    ContainerPort,
    NamespaceRow,
    PodRow,
    PolicyRow,
    ServicePort,
    ServiceRow,
)
from diagnosis.reachability import parties, policy_proposal
from diagnosis.reachability.blind_spots import POLICIES, BlindSpot, BlindSpots
from diagnosis.reachability.policy_set import PolicySet
from diagnosis.snapshot import Conversation, Snapshot, TargetView


def pod(name: str, ip: str, *ports: int) -> PodRow:
    namespace, _, app = name.partition("/")
    declared = tuple(ContainerPort("http", number, "TCP") for number in ports)
    labels = (("app", app), ("pod-template-hash", "abc123"))
    return PodRow(
        namespace,
        f"{app}-abc123-x",
        name,
        "n1",
        ip,
        "Running",
        "1/1",
        0,
        0.0,
        workload=f"Deployment/{app}",
        labels=labels,
        ports=declared,
    )


WEB, API, DB, ODD = (
    pod("shop/web", "10.0.0.1", 80),
    pod("shop/api", "10.0.0.2", 8080),
    pod("data/db", "10.0.0.3", 5432),
    pod("shop/odd", "10.0.0.4", 9),
)
SERVICE = ServiceRow(
    "shop",
    "api",
    ("10.96.0.2",),
    ("80/TCP",),
    "ClusterIP",
    (("app", "api"),),
    (ServicePort("", 80, "TCP", "http"),),
)
TALKS = (
    Conversation("TCP", WEB.ip, "10.96.0.2", 80, flows=9, answered=9),
    Conversation("TCP", API.ip, DB.ip, 5432, flows=2, answered=2),
    Conversation("TCP", API.ip, "203.0.113.9", 443, flows=2, answered=2),
    Conversation("TCP", WEB.ip, API.ip, 8080, flows=9, answered=9),
    Conversation("TCP", ODD.ip, API.ip, 8080, flows=3, unanswered=3),
)
SNAPSHOT = Snapshot(
    1.0,
    (TargetView("node/n1", "node", "n1", 1.0, "whole node", conversations=TALKS),),
    (WEB, API, DB, ODD),
    namespaces=(NamespaceRow("shop"), NamespaceRow("data")),
    services=(SERVICE,),
)


def allowed(text: str, source: PodRow | str, target: PodRow | str, port: int) -> bool:
    body = yaml.safe_load(text)
    known = PolicySet.of([PolicyRow(body["metadata"]["namespace"], "p", json.dumps(body["spec"]))])
    labels = parties.namespace_labels(SNAPSHOT.namespaces)
    one, other = [
        parties.party_of(e, labels) if isinstance(e, PodRow) else parties.Party(e, (e,))
        for e in (source, target)
    ]
    return known.verdict(one, other, port, "TCP").allowed


def test_it_admits_what_was_seen_and_no_more() -> None:
    text = policy_proposal.from_traffic(API, SNAPSHOT)
    assert yaml.safe_load(text)["metadata"] == {"name": "api-observed", "namespace": "shop"}
    assert "pod-template-hash" not in text
    assert (
        allowed(text, WEB, API, 8080)
        and allowed(text, API, DB, 5432)
        and allowed(text, API, "203.0.113.9", 443)
    )
    assert not allowed(text, ODD, API, 8080), "what was not answered is not admitted"
    assert (
        not allowed(text, API, DB, 22)
        and not allowed(text, API, "203.0.113.10", 443)
        and not allowed(text, WEB, API, 9)
    )


def test_through_a_service_the_pods_behind_it_are_meant() -> None:
    text = policy_proposal.from_traffic(WEB, SNAPSHOT)
    (rule,) = yaml.safe_load(text)["spec"]["egress"]
    assert rule == {
        "to": [{"podSelector": {"matchLabels": {"app": "api"}}}],
        "ports": [{"port": 8080, "protocol": "TCP"}],
    }
    assert yaml.safe_load(text)["spec"]["ingress"] == []


def test_what_it_would_newly_cut() -> None:
    assert policy_proposal.newly_cut(
        API, policy_proposal.from_traffic(API, SNAPSHOT), SNAPSHOT
    ) == [
        "data/db → 8080/TCP",
        "shop/odd ← 9/TCP",
        "shop/odd → 8080/TCP",
        "shop/web ← 80/TCP",
    ]


def test_what_it_would_cut_where_policies_could_not_be_read() -> None:
    """What may be allowed now may be cut; that nothing would be is not said."""
    blind = replace(SNAPSHOT, blind=BlindSpots((BlindSpot(POLICIES, "forbidden"),)))
    proposal = policy_proposal.from_traffic(API, blind)
    cut = policy_proposal.newly_cut(API, proposal, blind)
    assert "shop/odd → 8080/TCP (perhaps)" in cut
    assert (
        policy_proposal.effect_unknown(blind) == "NetworkPolicies could not be listed: forbidden."
    )
    assert policy_proposal.effect_unknown(SNAPSHOT) == ""
