"""Services, EndpointSlices, Endpoints and Ingresses as the API server validates them."""

from __future__ import annotations

from typing import Any

from collectors.manifests.documents import FieldPath
from collectors.manifests.field_tests import (
    address,
    cidr,
    dns_label,
    dns_subdomain,
    one_of,
    port_name,
    port_number,
    port_number_or_name,
    port_or_none,
    protocol,
)
from collectors.manifests.problems import FieldProblems
from collectors.manifests.selector_rules import check_labels

_ENUMS = {
    "type": one_of(("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")),
    "externalTrafficPolicy": one_of(("Cluster", "Local")),
    "internalTrafficPolicy": one_of(("Cluster", "Local")),
    "sessionAffinity": one_of(("None", "ClientIP")),
    "ipFamilyPolicy": one_of(("SingleStack", "PreferDualStack", "RequireDualStack")),
}
_family = one_of(("IPv4", "IPv6"))
_address_type = one_of(("IPv4", "IPv6", "FQDN"))
_path_type = one_of(("Exact", "Prefix", "ImplementationSpecific"))
_ADDRESS_LISTS = {"externalIPs": address, "loadBalancerSourceRanges": cidr, "ipFamilies": _family}


def _cluster_ip(value: str) -> str:
    return "" if value in ("None", "") else address(value)


def check_service(body: Any, problems: FieldProblems) -> None:
    spec = body.get("spec") or {}
    for name, test in _ENUMS.items():
        problems.test(spec.get(name) or None, ("spec", name), test)
    check_labels(spec.get("selector"), ("spec", "selector"), problems)
    problems.test(spec.get("clusterIP"), ("spec", "clusterIP"), _cluster_ip)
    for number, text in enumerate(spec.get("clusterIPs") or ()):
        problems.test(text, ("spec", "clusterIPs", number), _cluster_ip)
    for name, test in _ADDRESS_LISTS.items():
        for number, text in enumerate(spec.get(name) or ()):
            problems.test(text, ("spec", name, number), test)
    if spec.get("type") == "ExternalName":
        problems.required(spec.get("externalName"), ("spec", "externalName"))
    _check_service_ports(spec, problems)


def _check_service_ports(spec: Any, problems: FieldProblems) -> None:
    ports = spec.get("ports") or ()
    if not ports and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
        problems.add(("spec", "ports"), "is required, unless clusterIP is None")
    names: set[str] = set()
    for number, port in enumerate(ports):
        path: FieldPath = ("spec", "ports", number)
        name = port.get("name") or ""
        if len(ports) > 1 and not name:
            problems.add((*path, "name"), "is required where there are several ports")
        if name and name in names:
            problems.add((*path, "name"), f"{name} is there twice")
        names.add(name)
        _check_service_port(port, path, problems)


def _check_service_port(port: Any, path: FieldPath, problems: FieldProblems) -> None:
    problems.test(port.get("name") or None, (*path, "name"), dns_label)
    problems.required(port.get("port"), (*path, "port"), port_number)
    problems.test(port.get("protocol") or None, (*path, "protocol"), protocol)
    problems.test(port.get("nodePort"), (*path, "nodePort"), port_or_none)
    if target := port.get("targetPort"):
        problems.test(target, (*path, "targetPort"), port_number_or_name)


def check_slice(body: Any, problems: FieldProblems) -> None:
    kind = body.get("addressType")
    problems.required(kind, ("addressType",), _address_type)
    test = dns_subdomain if kind == "FQDN" else address
    for number, endpoint in enumerate(body.get("endpoints") or ()):
        path: FieldPath = ("endpoints", number, "addresses")
        if not endpoint.get("addresses"):
            problems.add(path, "is required")
        for at, text in enumerate(endpoint.get("addresses") or ()):
            problems.test(text, (*path, at), test)
    _check_endpoint_ports(body, (), problems)


def _check_endpoint_ports(body: Any, path: FieldPath, problems: FieldProblems) -> None:
    for number, port in enumerate(body.get("ports") or ()):
        here = (*path, "ports", number)
        problems.test(port.get("port"), (*here, "port"), port_number)
        problems.test(port.get("protocol") or None, (*here, "protocol"), protocol)
        problems.test(port.get("name") or None, (*here, "name"), dns_label)


def check_endpoints(body: Any, problems: FieldProblems) -> None:
    for number, subset in enumerate(body.get("subsets") or ()):
        path: FieldPath = ("subsets", number)
        for name in ("addresses", "notReadyAddresses"):
            for at, entry in enumerate(subset.get(name) or ()):
                problems.required(entry.get("ip"), (*path, name, at, "ip"), address)
        _check_endpoint_ports(subset, path, problems)


def check_ingress(body: Any, problems: FieldProblems) -> None:
    spec = body.get("spec") or {}
    if spec.get("defaultBackend"):
        _check_backend(spec["defaultBackend"], ("spec", "defaultBackend"), problems)
    for number, rule in enumerate(spec.get("rules") or ()):
        paths = (rule.get("http") or {}).get("paths") or ()
        for at, entry in enumerate(paths):
            path: FieldPath = ("spec", "rules", number, "http", "paths", at)
            problems.required(entry.get("pathType"), (*path, "pathType"), _path_type)
            _check_backend(entry.get("backend") or {}, (*path, "backend"), problems)


def _check_backend(backend: Any, path: FieldPath, problems: FieldProblems) -> None:
    service = backend.get("service")
    if service is None:
        return
    problems.required(service.get("name"), (*path, "service", "name"), dns_label)
    port = service.get("port") or {}
    problems.test(port.get("number"), (*path, "service", "port", "number"), port_or_none)
    problems.test(port.get("name") or None, (*path, "service", "port", "name"), port_name)
