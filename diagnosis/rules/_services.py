"""Services and the pods behind them, for the rules about both."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import PodRow, ServiceRow
from diagnosis.reachability.parties import port_number
from diagnosis.snapshot import Snapshot

SYSTEM = ("kube-", "openshift-")  # how namespaces of a cluster's own DNS begin


def is_dns(service: ServiceRow) -> bool:
    return any(port.number == 53 for port in service.targets)


def dns_pods(snapshot: Snapshot) -> Iterator[tuple[ServiceRow, PodRow, int]]:
    """The pods of DNS Services, with the port that each answers on."""
    for service in snapshot.services:
        targets = [p.target for p in service.targets if (p.protocol, p.number) == ("UDP", 53)]
        for target in targets:
            for pod in snapshot.selected(service):
                yield service, pod, port_number(pod, target) or 53


def asked_dns_pods(snapshot: Snapshot) -> Iterator[tuple[ServiceRow, PodRow, int]]:
    """Those of the Services that pods ask: by the resolvers of open pods; else those of
    the system's namespaces, or all where there are none."""
    every = list(dns_pods(snapshot))
    servers = _resolvers(snapshot)
    if servers:
        yield from (one for one in every if servers & set(one[0].ips))
        return
    of_system = [one for one in every if one[0].namespace.startswith(SYSTEM)]
    yield from of_system or every


def _resolvers(snapshot: Snapshot) -> set[str]:
    """Of open pods that use the cluster's; a cache on the node (NodeLocal DNSCache) may be it."""
    views = (view for view in snapshot.of_kind("pod") if view.pod and asks_cluster_dns(view.pod))
    return {address for view in views if view.network for address in view.network.nameservers}


def asks_cluster_dns(pod: PodRow) -> bool:
    """Whether it is there, and its resolver is the cluster's and none of its own."""
    if pod.ended or pod.dns_policy == "Default":
        return False
    if pod.host_network and pod.dns_policy == "ClusterFirst":
        return False
    return pod.dns_policy != "None"


def node_ports(service: ServiceRow) -> str:
    return ", ".join(str(port.node_port) for port in service.targets if port.node_port)


def pods_behind(
    snapshot: Snapshot, address: str, port: int, protocol: str
) -> Iterator[tuple[PodRow, int]]:
    """The pods, and their ports, that an address and port stand for."""
    if pod := snapshot.by_address.get(address):
        yield pod, port
        return
    service = snapshot.service_by_address.get(address)
    if service is None:
        return
    for target in service.targets:
        if (target.number, target.protocol) == (port, protocol):
            for pod in snapshot.selected(service):
                yield pod, port_number(pod, target.target) or port


def age(seconds: float) -> str:
    """`40 s ago`, `3 min ago`."""
    return f"{max(0, seconds):.0f} s ago" if seconds < 120 else f"{seconds / 60:.0f} min ago"
