"""ClusterNetworkPolicy, AdminNetworkPolicy and BaselineAdminNetworkPolicy beyond their schema: the
rules in CEL of their definitions (network-policy-api v0.2.0 and v0.1.7), and selectors, which
whoever enforces the policies would refuse. Fields have the types of the schema already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collectors.manifests.documents import FieldPath
from collectors.manifests.field_tests import cidr, one_of, protocol
from collectors.manifests.problems import FieldProblems
from collectors.manifests.selector_rules import check_selector

PEERS = {"ingress": "from", "egress": "to"}
WITHOUT_NAMES = ("networks", "nodes", "domainNames")  # peers that have no named ports
NAMED = ("namedPort", "destinationNamedPort")
_action = one_of(("Accept", "Allow", "Deny", "Pass"))
Spec = Mapping[str, Any]


def check_policy(body: Spec, problems: FieldProblems) -> None:
    if body.get("kind") == "BaselineAdminNetworkPolicy" and _name(body) not in ("", "default"):
        problems.add(("metadata", "name"), "must be default: a cluster has one of this kind")
    spec = body.get("spec") or {}
    _check_peer(spec.get("subject") or {}, ("spec", "subject"), problems)
    for side, peers in PEERS.items():
        for number, rule in enumerate(spec.get(side) or ()):
            _check_rule(rule, peers, ("spec", side, number), problems)


def _name(body: Spec) -> str:
    return str((body.get("metadata") or {}).get("name") or "")


def _check_rule(rule: Spec, peers: str, path: FieldPath, problems: FieldProblems) -> None:
    problems.test(rule.get("action"), (*path, "action"), _action)
    for number, peer in enumerate(rule.get(peers) or ()):
        _check_peer(peer, (*path, peers, number), problems)
    outside = [name for peer in rule.get(peers) or () for name in WITHOUT_NAMES if peer.get(name)]
    for here, port in _ports(rule, path):
        _check_port(port, here, problems)
        for name in NAMED:
            if outside and port.get(name):
                problems.add((*here, name), f"cannot stand beside {outside[0]}: those have none")


def _check_peer(peer: Spec, path: FieldPath, problems: FieldProblems) -> None:
    for name in ("namespaces", "nodes"):
        check_selector(peer.get(name), (*path, name), problems)
    pods = peer.get("pods") or {}
    for name in ("namespaceSelector", "podSelector"):
        check_selector(pods.get(name), (*path, "pods", name), problems)
    for number, network in enumerate(peer.get("networks") or ()):
        problems.test(network, (*path, "networks", number), cidr)


def _ports(rule: Spec, path: FieldPath) -> Iterator[tuple[FieldPath, Spec]]:
    for field in ("ports", "protocols"):
        for number, port in enumerate(rule.get(field) or ()):
            yield (*path, field, number), port


def _check_port(port: Spec, path: FieldPath, problems: FieldProblems) -> None:
    for name in ("portNumber", "portRange"):
        given = port.get(name) or {}
        problems.test(given.get("protocol"), (*path, name, "protocol"), protocol)
    for name in ("tcp", "udp", "sctp"):
        span = ((port.get(name) or {}).get("destinationPort") or {}).get("range")
        if span is not None and span["start"] >= span["end"]:
            reason = f"must be above its start ({span['start']})"
            problems.add((*path, name, "destinationPort", "range", "end"), reason)
