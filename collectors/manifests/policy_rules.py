"""NetworkPolicy as the API server validates it (pkg/apis/networking/validation)."""

from __future__ import annotations

from typing import Any

from collectors.manifests.documents import FieldPath
from collectors.manifests.field_tests import (
    cidr,
    network_of,
    one_of,
    port_number,
    port_number_or_name,
    protocol,
)
from collectors.manifests.problems import FieldProblems
from collectors.manifests.selector_rules import check_selector

TYPES = ("Ingress", "Egress")
SELECTORS = ("podSelector", "namespaceSelector")
PEER_FIELDS = {"ingress": "from", "egress": "to"}
_policy_type = one_of(TYPES)


def check_policy(spec: Any, problems: FieldProblems) -> None:
    check_selector(spec.get("podSelector"), ("spec", "podSelector"), problems)
    types = spec.get("policyTypes") or ()
    if len(types) > len(TYPES):
        problems.add(("spec", "policyTypes"), "holds more than two types")
    for number, kind in enumerate(types):
        problems.test(kind, ("spec", "policyTypes", number), _policy_type)
    for direction, peers in PEER_FIELDS.items():
        for number, rule in enumerate(spec.get(direction) or ()):
            _check_rule(rule, peers, ("spec", direction, number), problems)


def _check_rule(rule: Any, peers: str, path: FieldPath, problems: FieldProblems) -> None:
    for number, port in enumerate(rule.get("ports") or ()):
        _check_port(port, (*path, "ports", number), problems)
    for number, peer in enumerate(rule.get(peers) or ()):
        _check_peer(peer, (*path, peers, number), problems)


def _check_port(entry: Any, path: FieldPath, problems: FieldProblems) -> None:
    port, end = entry.get("port"), entry.get("endPort")
    problems.test(entry.get("protocol"), (*path, "protocol"), protocol)
    problems.test(port, (*path, "port"), port_number_or_name)
    if end is None:
        return
    problems.test(end, (*path, "endPort"), port_number)
    if port is None:
        problems.add((*path, "endPort"), "needs a port, the first of its range")
    elif isinstance(port, str):
        problems.add((*path, "endPort"), "must be absent where the port is a name")
    elif end < port:
        problems.add((*path, "endPort"), f"must not be below the port ({port})")


def _check_peer(peer: Any, path: FieldPath, problems: FieldProblems) -> None:
    block = peer.get("ipBlock")
    selectors = [name for name in SELECTORS if peer.get(name) is not None]
    if block is None and not selectors:
        problems.add(path, "is an empty peer: it needs a podSelector, namespaceSelector or ipBlock")
    if block is not None and selectors:
        problems.add(path, f"has both an ipBlock and a {selectors[0]}: only one may be there")
    for name in selectors:
        check_selector(peer[name], (*path, name), problems)
    if block is not None:
        _check_block(block, (*path, "ipBlock"), problems)


def _check_block(block: Any, path: FieldPath, problems: FieldProblems) -> None:
    problems.required(block.get("cidr"), (*path, "cidr"), cidr)
    outer = network_of(block.get("cidr") or "")
    for number, text in enumerate(block.get("except") or ()):
        here = (*path, "except", number)
        problems.test(text, here, cidr)
        inner = network_of(text)
        if outer is None or inner is None:
            continue
        inside = (
            inner.version == outer.version
            and inner.network_address in outer
            and inner.prefixlen > outer.prefixlen
        )
        if not inside:
            problems.add(here, f"must lie within the cidr {outer}, and be smaller")
