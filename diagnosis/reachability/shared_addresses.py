"""Which Service has an address for a port: several may share one address, as load balancers let
them, and it may be a node's, whose other ports are the node's own.

(Kubernetes documentation, Virtual IPs and Service Proxies: kube-proxy matches address, protocol and
port.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from collectors.events import ServiceRow
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.deliveries import PathStep, PathVerdict, stopped


def at_port(
    cluster: ClusterState, address: str, port: str, protocol: str
) -> ServiceRow | str | PathVerdict | None:
    """The Service that has it, or the address where it is a node's; a verdict where all Services
    of that address have other ports, None where no Service has the address."""
    found = [one for one in cluster.services if address in (*one.ips, *one.outer_ips)]
    if not found:
        return None
    for service in found:
        if has_port(service, port, protocol):
            return replace(service, ips=(address,))
    if address in cluster.node_addresses:
        return address
    if len(found) == 1:
        return replace(found[0], ips=(address,))
    return stopped(PathStep(address, "stops", _other_ports(found, port, protocol)))


def has_port(service: ServiceRow, port: str, protocol: str) -> bool:
    """By its number or its name."""
    return any(
        protocol == one.protocol and port in (str(one.number), one.name) for one in service.targets
    )


def _other_ports(found: Sequence[ServiceRow], port: str, protocol: str) -> str:
    each = (f"{one.namespace}/{one.name}: {', '.join(one.ports) or 'none'}" for one in found)
    return f"no Service has port {port}/{protocol} at it ({'; '.join(each)})"
