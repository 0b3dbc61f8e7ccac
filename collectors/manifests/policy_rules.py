"""NetworkPolicy as the API server validates it (pkg/apis/networking/validation)."""

from __future__ import annotations

from typing import Any

from collectors.manifests.address_tests import core_cidr, core_network
from collectors.manifests.field_tests import (
    Network,
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
    within = problems.within("spec")
    check_selector(spec.get("podSelector"), ("podSelector",), within)
    types = spec.get("policyTypes") or ()
    if len(types) > len(TYPES):
        within.add(("policyTypes",), "holds more than two types")
    within.test_each(types, ("policyTypes",), _policy_type)
    for direction, peers in PEER_FIELDS.items():
        for number, rule in enumerate(spec.get(direction) or ()):
            _check_rule(rule, peers, within.within(direction, number))


def _check_rule(rule: Any, peers: str, problems: FieldProblems) -> None:
    for number, port in enumerate(rule.get("ports") or ()):
        _check_port(port, problems.within("ports", number))
    for number, peer in enumerate(rule.get(peers) or ()):
        _check_peer(peer, problems.within(peers, number))


def _check_port(entry: Any, problems: FieldProblems) -> None:
    port, end = entry.get("port"), entry.get("endPort")
    problems.test(entry.get("protocol"), ("protocol",), protocol)
    problems.test(port, ("port",), port_number_or_name)
    if end is not None:
        problems.test(end, ("endPort",), port_number)
        if reason := _no_range(port, end):
            problems.add(("endPort",), reason)


def _no_range(port: Any, end: int) -> str:
    """Why a port and an endPort are no range; '' where they are."""
    if port is None:
        return "needs a port, the first of its range"
    if isinstance(port, str):
        return "must be absent where the port is a name"
    return f"must not be below the port ({port})" if end < port else ""


def _check_peer(peer: Any, problems: FieldProblems) -> None:
    block = peer.get("ipBlock")
    selectors = [name for name in SELECTORS if peer.get(name) is not None]
    if block is None and not selectors:
        problems.add((), "is an empty peer: it needs a podSelector, namespaceSelector or ipBlock")
    if block is not None and selectors:
        problems.add((), f"has both an ipBlock and a {selectors[0]}: only one may be there")
    for name in selectors:
        check_selector(peer[name], (name,), problems)
    if block is not None:
        _check_block(block, problems.within("ipBlock"))


def _check_block(block: Any, problems: FieldProblems) -> None:
    problems.required(block.get("cidr"), ("cidr",), core_cidr)
    outer = core_network(block.get("cidr") or "")
    for number, text in enumerate(block.get("except") or ()):
        problems.test(text, ("except", number), core_cidr)
        inner = core_network(text)
        if outer is not None and inner is not None and not _is_within(inner, outer):
            problems.add(("except", number), f"must lie within the cidr {outer}, and be smaller")


def _is_within(inner: Network, outer: Network) -> bool:
    """It is smaller, and lies in it."""
    return (
        inner.version == outer.version
        and inner.network_address in outer
        and inner.prefixlen > outer.prefixlen
    )
