"""Addresses that nobody has in some manifests, and that a pod or Service of them may be given: a
template has no address, nor has a Service without its clusterIP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from collectors.events import PodRow, ServiceRow
from diagnosis.reachability.address_blocks import inside

# RFC 1918, RFC 6598, RFC 4193: of which clusters give their pods and Services addresses
INNER = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)


def is_inner(address: str) -> bool:
    """Whether it is of those that clusters give to their own."""
    return any(inside(address, network) for network in INNER)


def may_be_of(address: str, pods: Iterable[PodRow], services: Iterable[ServiceRow]) -> str:
    """Whose an address may be that nobody is known to have, '' where it is outside."""
    if not is_inner(address):
        return ""
    return next(_without_address(pods, services), "")


def _without_address(pods: Iterable[PodRow], services: Iterable[ServiceRow]) -> Iterator[str]:
    """What of the cluster will have addresses that are not known."""
    for pod in pods:
        if _is_unassigned(pod):
            owner = pod.workload.partition("/")
            name = f"{owner[0]} {pod.namespace}/{owner[2]}" if owner[2] else _named(pod)
            yield f"the addresses of {name} are not in the files"
    for service in services:
        if service.type != "ExternalName" and not service.headless and not service.ips:
            yield f"the clusterIP of Service {service.namespace}/{service.name} is not in the files"


def _named(pod: PodRow) -> str:
    return f"pod {pod.namespace}/{pod.name}"


def _is_unassigned(pod: PodRow) -> bool:
    """Of a template, or a manifest that no server has printed; on the host's network it has its
    node's."""
    has_none = not (pod.ip or pod.ips or pod.uid or pod.host_network)
    return has_none and not pod.ended and not pod.absent
