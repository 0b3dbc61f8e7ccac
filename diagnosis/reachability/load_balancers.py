"""By a load balancer or an external address: who may use it, and as which source it arrives.

(Kubernetes documentation, Service: loadBalancerSourceRanges, ipMode of the load balancer's status;
kube-proxy translates an address of ipMode VIP itself, also from pods, and leaves ipMode
Proxy and host names to the load balancer.)
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from collectors.events import ServicePort, ServiceRow
from collectors.frozen import frozen
from diagnosis.reachability.address_blocks import Network, inside, networks
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.deliveries import Delivery, PathStep, PathVerdict, judged, stopped
from diagnosis.reachability.parties import Party
from diagnosis.reachability.service_backends import endpoints

RANGES = "loadBalancerSourceRanges"
ANNOTATION = "the annotation load-balancer-source-ranges"


@frozen
class Limits:
    """What source ranges come to for one source: `denied` says that they do not let it in,
    `unknown_because` why that is not known; neither where they do."""

    denied: str = ""
    unknown_because: tuple[str, ...] = ()


def limits(origin: Party, service: ServiceRow) -> Limits:
    """Of a load balancer's address; kube-proxy knows the field alone, and per family."""
    ranges = networks(service.source_ranges)
    if not service.source_ranges or any(inside(ip, r) for ip in origin.ips for r in ranges):
        return Limits()
    own, listed = ", ".join(origin.ips), ", ".join(service.source_ranges)
    name = ANNOTATION if service.ranges_annotated else RANGES
    if not origin.ips:
        return _doubtful(f"the address of {origin.name} is not known, and {name} is {listed}")
    if service.ranges_annotated:
        who = "load balancers of some clouds keep to it, kube-proxy does not"
        doubtful = _doubtful(f"{own} is not in {name} ({listed}): {who}")
        return Limits() if origin.in_cluster else doubtful
    if not _has_family(ranges, origin):
        who = "kube-proxy limits nobody of its family, a load balancer may"
        return _doubtful(f"{own} is of a family that {name} ({listed}) lacks: {who}")
    return Limits(denied=f"{own} is not in {listed}")


def _doubtful(because: str) -> Limits:
    return Limits(unknown_because=(because,))


def _has_family(ranges: Sequence[Network], origin: Party) -> bool:
    versions = {ip_address(ip).version for ip in origin.ips}
    return any(cidr.version in versions for cidr in ranges)


def given_by(service: ServiceRow) -> str:
    """The host name or address by which it was given, where that is the load balancer's alone:
    kube-proxy does not translate it. '' where it was given otherwise."""
    own = (*service.proxied_ips, *service.balancer_names)
    return service.ips[0] if len(service.ips) == 1 and service.ips[0] in own else ""


def by_balancer(
    cluster: ClusterState,
    origin: Party,
    service: ServiceRow,
    port: ServicePort,
    *,
    address: str,
) -> PathVerdict:
    """By a host name, or an address that nodes do not translate: out to the load balancer, and
    from it to the pods, by a node or not."""
    name = f"Service {service.namespace}/{service.name}:{port.number}/{port.protocol}"
    steps = [PathStep(name, "ok", f"by its load balancer {address}")]
    found = limits(origin, service)
    if found.denied and not origin.in_cluster:
        return stopped(*steps, PathStep(RANGES, "stops", found.denied))
    chosen = endpoints(cluster, service, port, six=None)
    if not chosen.ends:
        if chosen.unknown_because:
            return PathVerdict.unknown(chosen.unknown_because, steps)
        return stopped(*steps, PathStep("endpoints", "stops", chosen.note))
    seen = Party(address, ips=(address,) if address in service.proxied_ips else ())
    sender = _balancer(address)
    deliveries = [
        Delivery(
            source=origin,
            seen=seen,
            seen_number=port.number,
            sender=sender,
            end=end,
            number=number,
            protocol=port.protocol,
            service_port=port.number,
        )
        for end, number in chosen.ends
    ]
    steps.append(PathStep("endpoints", "ok", chosen.note))
    because = (*_as_seen_there(origin, found, service), *chosen.unknown_because)
    return judged(cluster, steps, deliveries, because=because)


def _balancer(address: str) -> Party:
    sends = (
        f"from which address the load balancer {address} sends to the pods is not known: "
        "its own, a node's, or the client's"
    )
    return Party(f"the load balancer {address}", unsure=sends, maybe_node=sends)


def _as_seen_there(origin: Party, found: Limits, service: ServiceRow) -> Sequence[str]:
    """A pod comes to a load balancer outside as from an address that the network gives it."""
    if not origin.in_cluster or not service.source_ranges:
        return found.unknown_because
    listed = ", ".join(service.source_ranges)
    return (
        f"as from which address {origin.name} comes to the load balancer is not known, and its "
        f"source ranges are {listed}",
    )
