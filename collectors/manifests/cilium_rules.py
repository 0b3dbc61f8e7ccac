"""CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy beyond their schema: what the agent and
the operator refuse, so that the policy is not in force (pkg/policy/api/rule_validation.go,
pkg/k8s/apis/cilium.io/v2/cnp_types.go). Fields have the types of the schema already."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from collectors.manifests.documents import FieldPath
from collectors.manifests.field_tests import label_key, network_of, no_template
from collectors.manifests.problems import FieldProblems
from collectors.sanitize import sanitize

SIDES = {"ingress": "from", "ingressDeny": "from", "egress": "to", "egressDeny": "to"}
PEERS = ("Endpoints", "CIDR", "CIDRSet", "Entities", "Nodes", "Groups", "Services", "FQDNs")
SELECTORS = ("Endpoints", "Nodes")
WITHOUT_PORTS = ("VRRP", "IGMP", "GRE", "IPIP", "IPV6", "ESP", "AH")
SERVICE_NAME = re.compile(r"[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*")
MOST_OF_NAME = 15  # characters of an IANA service name
Spec = Mapping[str, Any]


def check_policy(body: Spec, problems: FieldProblems) -> None:
    specs: list[tuple[FieldPath, Spec]] = []
    if body.get("spec") is not None:
        specs.append((("spec",), body["spec"]))
    specs += [(("specs", number), one) for number, one in enumerate(body.get("specs") or ())]
    if not specs:
        problems.add((), "has neither a spec nor specs")
    for path, spec in specs:
        _check_spec(spec, path, problems, namespaced=body.get("kind") == "CiliumNetworkPolicy")


def _check_spec(spec: Spec, path: FieldPath, problems: FieldProblems, *, namespaced: bool) -> None:
    if namespaced and spec.get("nodeSelector") is not None:
        reason = "may stand only in a CiliumClusterwideNetworkPolicy"
        problems.add((*path, "nodeSelector"), reason)
    for name in ("endpointSelector", "nodeSelector"):
        check_selector(spec.get(name), (*path, name), problems)
    for side, prefix in SIDES.items():
        for number, rule in enumerate(spec.get(side) or ()):
            here = (*path, side, number)
            _check_peers(rule, prefix, here, problems)
            _check_ports(rule, side, here, problems)


def check_selector(selector: Any, path: FieldPath, problems: FieldProblems) -> None:
    """A LabelSelector whose keys may begin with the source of a label: `k8s:app`."""
    selector = selector or {}
    for key in selector.get("matchLabels") or {}:
        problems.test(key, (*path, "matchLabels", key), _key)
    for number, expression in enumerate(selector.get("matchExpressions") or ()):
        here = (*path, "matchExpressions", number)
        operator, values = expression.get("operator"), expression.get("values")
        problems.test(expression.get("key"), (*here, "key"), _key)
        if operator in ("In", "NotIn") and not values:
            problems.add((*here, "values"), f"is required with the operator {operator}")
        if operator in ("Exists", "DoesNotExist") and values:
            problems.add((*here, "values"), f"must be absent with the operator {operator}")


def _key(key: str) -> str:
    source, colon, rest = key.partition(":")
    return label_key(rest if colon and source.isalnum() else key)


def _check_peers(rule: Spec, prefix: str, path: FieldPath, problems: FieldProblems) -> None:
    given = [f"{prefix}{peer}" for peer in PEERS if rule.get(f"{prefix}{peer}")]
    if len(given) > 1:
        reason = f"cannot stand beside {given[0]} in one rule: each needs a rule of its own"
        problems.add((*path, given[1]), reason)
    for peer in SELECTORS:
        name = f"{prefix}{peer}"
        for number, selector in enumerate(rule.get(name) or ()):
            check_selector(selector, (*path, name, number), problems)
    for number, block in enumerate(rule.get(f"{prefix}CIDRSet") or ()):
        _check_block(block, (*path, f"{prefix}CIDRSet", number), problems)


def _check_block(block: Spec, path: FieldPath, problems: FieldProblems) -> None:
    check_selector(block.get("cidrGroupSelector"), (*path, "cidrGroupSelector"), problems)
    outer = network_of(block.get("cidr") or "")
    for number, text in enumerate(block.get("except") or ()):
        inner = network_of(text)
        if outer is None or inner is None:
            continue
        inside = inner.version == outer.version and inner.network_address in outer
        if not inside or inner.prefixlen < outer.prefixlen:
            problems.add((*path, "except", number), f"must lie within the cidr {outer}")


def _check_ports(rule: Spec, side: str, path: FieldPath, problems: FieldProblems) -> None:
    if rule.get("icmps") and rule.get("toPorts"):
        reason = "cannot stand beside toPorts in one rule: each needs a rule of its own"
        problems.add((*path, "icmps"), reason)
    for number, entry in enumerate(rule.get("toPorts") or ()):
        here = (*path, "toPorts", number)
        for index, port in enumerate(entry.get("ports") or ()):
            _check_port(port, (*here, "ports", index), problems)
        _check_layer_7(entry, side, here, problems)


def _check_port(entry: Spec, path: FieldPath, problems: FieldProblems) -> None:
    port, protocol = entry.get("port"), entry.get("protocol")
    if protocol in WITHOUT_PORTS:
        if port not in (None, "", "0"):
            problems.add((*path, "port"), f"must be absent: {protocol} has no ports")
        return
    problems.required(port, (*path, "port"), port_text)


def port_text(value: str) -> str:
    """A number in quotes, 0 for every port, or the name of a container's port."""
    name = len(value) <= MOST_OF_NAME and SERVICE_NAME.fullmatch(value)
    if name and any(letter.isalpha() for letter in value):
        return ""
    if value.isascii() and value.isdecimal() and len(value) < 10 and int(value) <= 65535:
        return ""
    shown = f"{sanitize(value, 60)!r} is not a port: a number up to 65535, or a name of at most 15"
    return no_template(value) or shown


def _check_layer_7(entry: Spec, side: str, path: FieldPath, problems: FieldProblems) -> None:
    rules = [name for name, listed in (entry.get("rules") or {}).items() if listed]
    of_ingress: list[FieldPath] = [("rules", "dns")] if "dns" in rules else []
    of_ingress += [("listener",)] if entry.get("listener") is not None else []
    for field in of_ingress if side == "ingress" else ():
        problems.add((*path, *field), "may not stand in a rule of ingress")
    if rules and "dns" not in rules:
        _check_tcp(entry.get("ports") or (), rules[0], path, problems)


def _check_tcp(ports: Any, beside: str, path: FieldPath, problems: FieldProblems) -> None:
    for number, port in enumerate(ports):
        if port.get("protocol") not in ("TCP", None) or port.get("port") == "0":
            reason = f"needs the protocol TCP and a port beside rules.{beside}"
            problems.add((*path, "ports", number), reason)
