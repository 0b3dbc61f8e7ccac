"""Services as the API server validates them when they are created
(pkg/apis/core/validation, ValidateService; pkg/apis/core/v1, SetDefaults_Service)."""

from __future__ import annotations

from typing import Any

from collectors.cluster.inventory.service_rows import RANGES
from collectors.manifests.address_tests import endpoint_address, padded_cidr
from collectors.manifests.cluster_ip_rules import check_cluster_ips, is_headless
from collectors.manifests.field_tests import (
    dns_label,
    dns_subdomain,
    label_key,
    one_of,
    port_number,
    port_number_or_name,
    port_or_none,
    protocol,
    seconds_of_a_day,
)
from collectors.manifests.problems import FieldProblems
from collectors.manifests.selector_rules import check_labels
from collectors.manifests.unique_values import check_unique, repeated

_type = one_of(("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"))
_affinity = one_of(("None", "ClientIP"))
_traffic_policy = one_of(("Cluster", "Local"))
_distribution = one_of(("PreferClose", "PreferSameZone", "PreferSameNode"))
OUTWARD = ("NodePort", "LoadBalancer")
NOT_BY_NAME = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
HINTS = "service.kubernetes.io/topology-aware-hints"
MODE = "service.kubernetes.io/topology-mode"
BALANCER_ONLY = "needs the type LoadBalancer, and this is {}"


def check_service(body: Any, problems: FieldProblems) -> None:
    spec, within = body.get("spec") or {}, problems.within("spec")
    within.test(spec.get("type") or None, ("type",), _type)
    check_labels(spec.get("selector"), ("selector",), within)
    within.test_each(spec.get("externalIPs"), ("externalIPs",), endpoint_address)
    if type_of(spec) == "ExternalName":
        _check_external_name(spec, within)
    else:
        check_cluster_ips(spec, within)
    _check_affinity(spec, within)
    _check_traffic(spec, within)
    _check_health_port(spec, within)
    _check_load_balancer(spec, within)
    _check_annotations(body, problems)
    _check_ports(spec, within)


def type_of(spec: Any) -> str:
    return str(spec.get("type") or "ClusterIP")


def _check_external_name(spec: Any, problems: FieldProblems) -> None:
    name = (spec.get("externalName") or "").removesuffix(".")
    problems.required(name, ("externalName",), dns_subdomain)
    for field in NOT_BY_NAME:
        if spec.get(field):
            problems.add((field,), "may not be set for the type ExternalName")


def _check_affinity(spec: Any, problems: FieldProblems) -> None:
    """A config without affinity is dropped, a timeout that is absent is made one of 3 h."""
    problems.test(spec.get("sessionAffinity") or None, ("sessionAffinity",), _affinity)
    if spec.get("sessionAffinity") == "ClientIP":
        config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
        within = problems.within("sessionAffinityConfig", "clientIP")
        within.test(config.get("timeoutSeconds"), ("timeoutSeconds",), seconds_of_a_day)


def _check_traffic(spec: Any, problems: FieldProblems) -> None:
    kind, policy = type_of(spec), spec.get("externalTrafficPolicy") or None
    problems.test(policy, ("externalTrafficPolicy",), _traffic_policy)
    if policy and kind not in OUTWARD and not (kind == "ClusterIP" and spec.get("externalIPs")):
        reason = f"may not be set for the type {kind}: only where it is reached from outside"
        problems.add(("externalTrafficPolicy",), reason)
    internal = spec.get("internalTrafficPolicy")
    problems.test(internal, ("internalTrafficPolicy",), _traffic_policy)
    problems.test(spec.get("trafficDistribution"), ("trafficDistribution",), _distribution)


def _check_health_port(spec: Any, problems: FieldProblems) -> None:
    port = spec.get("healthCheckNodePort") or None
    local = spec.get("externalTrafficPolicy") == "Local"
    if port and not (local and type_of(spec) == "LoadBalancer"):
        reason = "needs the type LoadBalancer and externalTrafficPolicy Local"
        problems.add(("healthCheckNodePort",), reason)
    problems.test(port, ("healthCheckNodePort",), port_number)


def _check_load_balancer(spec: Any, problems: FieldProblems) -> None:
    ranges = spec.get("loadBalancerSourceRanges") or None
    problems.test_each(ranges, ("loadBalancerSourceRanges",), padded_cidr)
    given = {
        "loadBalancerSourceRanges": ranges,
        "loadBalancerClass": spec.get("loadBalancerClass"),
        "allocateLoadBalancerNodePorts": spec.get("allocateLoadBalancerNodePorts"),
    }
    if type_of(spec) == "LoadBalancer":
        problems.test(given["loadBalancerClass"], ("loadBalancerClass",), label_key)
        return
    for field in (field for field, value in given.items() if value is not None):
        problems.add((field,), BALANCER_ONLY.format(type_of(spec)))


def _check_annotations(body: Any, problems: FieldProblems) -> None:
    annotations = (body.get("metadata") or {}).get("annotations") or {}
    within = problems.within("metadata", "annotations")
    if MODE in annotations and annotations.get(HINTS, annotations[MODE]) != annotations[MODE]:
        within.add((MODE,), f"must be the same as {HINTS}")
    spec = body.get("spec") or {}
    if RANGES in annotations and not spec.get("loadBalancerSourceRanges"):
        _check_annotated_ranges(annotations[RANGES], spec, within)


def _check_annotated_ranges(text: str, spec: Any, problems: FieldProblems) -> None:
    if type_of(spec) != "LoadBalancer":
        problems.add((RANGES,), BALANCER_ONLY.format(type_of(spec)))
    for one in text.split(",") if text.strip() else ():
        problems.test(one, (RANGES,), padded_cidr)


def _check_ports(spec: Any, problems: FieldProblems) -> None:
    ports, within = spec.get("ports") or (), problems.within("ports")
    if not ports and not is_headless(spec) and type_of(spec) != "ExternalName":
        problems.add(("ports",), "is required, unless clusterIP is None")
    for number, port in enumerate(ports):
        if len(ports) > 1:
            within.required(port.get("name"), (number, "name"))
        _check_port(port, within.within(number))
        _check_node_port(port, type_of(spec), within.within(number))
    check_unique([port.get("name") or None for port in ports], within)
    for field in ("port", "nodePort"):
        _check_numbers(ports, field, within)


def _check_port(port: Any, problems: FieldProblems) -> None:
    problems.test(port.get("name") or None, ("name",), dns_label)
    problems.required(port.get("port"), ("port",), port_number)
    problems.test(port.get("protocol") or None, ("protocol",), protocol)
    problems.test(port.get("targetPort") or None, ("targetPort",), port_number_or_name)
    problems.test(port.get("appProtocol"), ("appProtocol",), label_key)


def _check_node_port(port: Any, kind: str, problems: FieldProblems) -> None:
    number = port.get("nodePort") or None
    if number and kind == "ClusterIP":
        problems.add(("nodePort",), "needs the type NodePort or LoadBalancer")
    if kind in OUTWARD:
        problems.test(number, ("nodePort",), port_or_none)


def _check_numbers(ports: Any, field: str, problems: FieldProblems) -> None:
    """Those of one protocol may each be there once."""
    used = [
        (port[field], port.get("protocol") or "TCP") if port.get(field) else None for port in ports
    ]
    for number in repeated(used):
        shown, protocol_name = used[number] or ("", "")
        problems.add((number, field), f"{shown}/{protocol_name} is there twice")
