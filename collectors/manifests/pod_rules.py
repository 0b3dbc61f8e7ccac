"""Pods, namespaces and nodes as the API server validates them, as far as podwire reads them
(pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from collectors.manifests.address_tests import core_address, core_cidr, family_of
from collectors.manifests.field_tests import (
    dns_label,
    dns_subdomain,
    one_of,
    port_name,
    port_number,
    port_or_none,
    protocol,
)
from collectors.manifests.problems import FieldProblems
from collectors.manifests.unique_values import check_unique, repeated

MOST_SERVERS = 3  # MaxDNSNameservers
CONTAINERS = ("containers", "initContainers")
_restart_policy = one_of(("Always", "OnFailure", "Never"))
_dns_policy = one_of(("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"))
HostPort = tuple[object, str, str]  # number, protocol, hostIP


def check_pod(body: Any, problems: FieldProblems) -> None:
    spec = body.get("spec") or {}
    check_pod_spec(spec, problems.within("spec"))
    if spec.get("hostNetwork"):
        _check_host_ports(_with_host_ports(spec), problems.within("spec", "containers"))
    status, within = body.get("status") or {}, problems.within("status")
    within.test(status.get("podIP") or None, ("podIP",), core_address)
    for number, entry in enumerate(status.get("podIPs") or ()):
        within.required(entry.get("ip"), ("podIPs", number, "ip"), core_address)


def check_pod_spec(spec: Any, problems: FieldProblems) -> None:
    if not spec.get("containers"):
        problems.add(("containers",), "is required")
    for part in CONTAINERS:
        for number, container in enumerate(spec.get(part) or ()):
            _check_container(container, problems.within(part, number))
    _check_names(spec, problems)
    _check_host_network(spec, problems)
    _check_host_ports(spec.get("containers") or (), problems.within("containers"))
    problems.test(spec.get("restartPolicy") or None, ("restartPolicy",), _restart_policy)
    problems.test(spec.get("dnsPolicy") or None, ("dnsPolicy",), _dns_policy)
    _check_dns(spec, problems)
    problems.test(spec.get("hostname") or None, ("hostname",), dns_label)
    problems.test(spec.get("subdomain") or None, ("subdomain",), dns_label)
    problems.test(spec.get("nodeName") or None, ("nodeName",), dns_subdomain)


def _check_dns(spec: Any, problems: FieldProblems) -> None:
    """validatePodDNSConfig."""
    servers = (spec.get("dnsConfig") or {}).get("nameservers") or ()
    within = problems.within("dnsConfig")
    if spec.get("dnsPolicy") == "None" and not servers:
        within.add(("nameservers",), "is required with dnsPolicy None")
    if len(servers) > MOST_SERVERS:
        within.add(("nameservers",), f"has {len(servers)} entries; {MOST_SERVERS} are the most")
    for number, server in enumerate(servers):
        within.required(server, ("nameservers", number), core_address)


def _check_container(container: Any, problems: FieldProblems) -> None:
    problems.required(container.get("name"), ("name",), dns_label)
    problems.required(container.get("image"), ("image",))
    ports = container.get("ports") or ()
    check_unique([port.get("name") or None for port in ports], problems.within("ports"))
    for number, port in enumerate(ports):
        _check_port(port, problems.within("ports", number))


def _check_port(port: Any, problems: FieldProblems) -> None:
    """Its hostIP is any text to the API server; the same containerPort may be there twice."""
    problems.test(port.get("name") or None, ("name",), port_name)
    problems.required(port.get("containerPort"), ("containerPort",), port_number)
    problems.test(port.get("protocol") or None, ("protocol",), protocol)
    problems.test(port.get("hostPort"), ("hostPort",), port_or_none)


def _check_names(spec: Any, problems: FieldProblems) -> None:
    """Init containers may not have the name of another one, either."""
    containers = spec.get("containers") or ()
    names = [one.get("name") or None for one in containers]
    check_unique(names, problems.within("containers"))
    own = [one.get("name") or None for one in spec.get("initContainers") or ()]
    for number in repeated([*names, *own]):
        if number >= len(names):
            reason = "is the name of another container, too"
            problems.add(("initContainers", number - len(names), "name"), reason)


def _check_host_network(spec: Any, problems: FieldProblems) -> None:
    """Of regular containers alone (validateHostNetwork)."""
    for place, port in _ports(spec.get("containers") or ()) if spec.get("hostNetwork") else ():
        host, number = port.get("hostPort"), port.get("containerPort")
        if host and host != number:
            reason = f"must be the containerPort ({number}) on hostNetwork"
            problems.add(("containers", *place, "hostPort"), reason)


def _check_host_ports(containers: Sequence[Any], problems: FieldProblems) -> None:
    """No two ports of the host that are the same (checkHostPortConflicts)."""
    ports = list(_ports(containers))
    for number in repeated([_host_port(port) for _, port in ports]):
        place, port = ports[number]
        reason = f"{port['hostPort']}/{port.get('protocol') or 'TCP'} is there twice"
        problems.add((*place, "hostPort"), reason)


def _host_port(port: Any) -> HostPort | None:
    if not port.get("hostPort"):
        return None
    return port["hostPort"], port.get("protocol") or "TCP", port.get("hostIP") or ""


def _ports(containers: Sequence[Any]) -> Iterator[tuple[tuple[int, str, int], Any]]:
    for number, container in enumerate(containers):
        for at, port in enumerate(container.get("ports") or ()):
            yield (number, "ports", at), port


def _with_host_ports(spec: Any) -> list[Any]:
    """The containers of a Pod on the host's network: an absent hostPort is the containerPort."""
    return [
        {"ports": [_default_host_port(port) for port in one.get("ports") or ()]}
        for one in spec.get("containers") or ()
    ]


def _default_host_port(port: Any) -> Any:
    return {**port, "hostPort": port.get("hostPort") or port.get("containerPort")}


def check_node(body: Any, problems: FieldProblems) -> None:
    ranges = (body.get("spec") or {}).get("podCIDRs") or ()
    before, within = len(problems.found), problems.within("spec")
    within.test_each(ranges, ("podCIDRs",), core_cidr)
    families = [family_of(text.partition("/")[0]) for text in ranges]
    if len(set(families)) < len(families) and len(problems.found) == before:
        within.add(("podCIDRs",), "holds more than one range of a family")
