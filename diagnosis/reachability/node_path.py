"""By a node: node ports, host ports, external addresses and load balancers; who translates and
masquerades, as kube-proxy does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network

from collectors.events import ContainerPort, PodRow, ServicePort, ServiceRow
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.deliveries import Delivery, PathStep, PathVerdict, judged, stopped
from diagnosis.reachability.parties import Party, is_ipv6, over
from diagnosis.reachability.service_backends import Chosen, endpoints

FROM_TUNNEL = (
    "over an overlay a node's address is that of its tunnel, and policies that name nodes' "
    "addresses do not know it"
)
MASQUERADED = (
    "externalTrafficPolicy Cluster: the node that receives it masquerades it, and policies see "
    "that node's address"
)
TUNNEL = " (tunnel)"


def at_node(
    cluster: ClusterState, origin: Party, node: Party, *, number: int, protocol: str
) -> PathVerdict | None:
    """A node's address and port where a Service or a pod's hostPort has it; None where it is the
    node itself."""
    if not node.host:
        return None
    for service in cluster.services:
        for port in service.targets:
            if (port.node_port, port.protocol) == (number, protocol):
                return _by_node_port(cluster, origin, node, service, port)
    for pod in cluster.pods:
        if pod.node == node.node and not pod.host_network and not pod.ended:
            for declared in pod.ports:
                if _is_host_port(declared, node, number, protocol):
                    return _by_host_port(cluster, origin, node, pod, declared)
    return None


def unseen_at(cluster: ClusterState, end: Party) -> str:
    """Why it is not known whether something else answers at a node's address and port."""
    if not end.host:
        return ""
    return cluster.blind.why("services")


def _is_host_port(declared: ContainerPort, node: Party, number: int, protocol: str) -> bool:
    if (declared.host_port, declared.protocol) != (number, protocol):
        return False
    return declared.host_ip in ("", "0.0.0.0", "::") or declared.host_ip in node.ips


def _by_host_port(
    cluster: ClusterState, origin: Party, node: Party, pod: PodRow, declared: ContainerPort
) -> PathVerdict:
    """The node translates to the pod and keeps the source."""
    end = cluster.party(pod)
    reason = f"hostPort of {end.name}: to its port {declared.number}, the source is kept"
    step = PathStep(f"port {declared.host_port} of {node.name}", "ok", reason)
    here = bool(origin.node) and origin.node == node.node
    delivery = Delivery(
        source=origin,
        seen=end if here else node,
        seen_number=declared.number if here else declared.host_port,
        sender=origin,
        end=end,
        number=declared.number,
        protocol=declared.protocol,
        service_port=declared.host_port,
    )
    return judged(cluster, (step,), [delivery])


def _by_node_port(
    cluster: ClusterState, origin: Party, node: Party, service: ServiceRow, port: ServicePort
) -> PathVerdict:
    name = f"Service {service.namespace}/{service.name}:{port.number}/{port.protocol}"
    steps = [PathStep(f"port {port.node_port} of {node.name}", "ok", name)]
    return _received(
        cluster, origin, [node], service=service, port=port, steps=steps, seen_number=port.node_port
    )


def by_external(
    cluster: ClusterState, origin: Party, service: ServiceRow, port: ServicePort
) -> PathVerdict:
    """By an address of a load balancer or an externalIP: any node may receive it; of a pod its
    own node does."""
    external = [ip for ip in service.ips if ip in service.outer_ips] or list(service.outer_ips)
    name = f"Service {service.namespace}/{service.name}:{port.number}/{port.protocol}"
    shown = ", ".join(external) or "by any node's port"
    steps = [PathStep(name, "ok", f"{shown}; to targetPort {port.target}")]
    balanced = not external or any(ip in service.balancer_ips for ip in external)
    if balanced and service.type == "LoadBalancer" and (no := _out_of_ranges(origin, service)):
        return stopped(*steps, PathStep("loadBalancerSourceRanges", "stops", no))
    if origin.in_cluster and origin.node:
        nodes = [cluster.node_party(origin.node)]
    else:
        nodes = [cluster.node_party(name) for name in cluster.node_names]
    unknown_node = Party("the node that receives it", host=True)
    return _received(
        cluster,
        origin,
        nodes or [unknown_node],
        service=service,
        port=port,
        steps=steps,
        seen_number=port.number,
    )


def _out_of_ranges(origin: Party, service: ServiceRow) -> str:
    """Why a load balancer's Service does not let a source in, '' where it does."""
    if not service.source_ranges or not origin.ips:
        return ""
    ranges = [ip_network(cidr, strict=False) for cidr in service.source_ranges]
    if any(ip_address(ip) in cidr for ip in origin.ips for cidr in ranges):
        return ""
    return f"{', '.join(origin.ips)} is not in {', '.join(service.source_ranges)}"


def _received(
    cluster: ClusterState,
    origin: Party,
    nodes: Sequence[Party],
    *,
    service: ServiceRow,
    port: ServicePort,
    steps: Sequence[PathStep],
    seen_number: int,
) -> PathVerdict:
    """By any of some nodes, which translate and masquerade (unless externalTrafficPolicy is
    Local), also what their own pods send; only of these the policies see where it goes before it
    leaves."""
    six = _family_of(service, nodes)
    if six is not None and origin.ips:
        origin = over(origin, six)
    chosen = endpoints(cluster, service, port, six=six)
    if not chosen.ends:
        if chosen.unknown_because:
            return PathVerdict.unknown(chosen.unknown_because, steps)
        return stopped(*steps, PathStep("endpoints", "stops", chosen.note))
    local = service.external_policy == "Local"
    deliveries: list[Delivery] = []
    dropping: list[str] = []
    for node in nodes:
        here = bool(origin.node) and origin.node == node.node
        ends = chosen.ends
        if local and not here:
            ends = chosen.on(node.node)
        if not ends:
            dropping.append(node.name)
        for end, number in ends:
            deliveries += _by(
                cluster, origin, node, end=end, number=number, port=port, seen_number=seen_number,
                here=here, local=local, labelled=len(nodes) > 1,
            )  # fmt: skip
    if not deliveries:
        reason = f"externalTrafficPolicy Local: 0 ready on {', '.join(dropping)}, which drops it"
        return stopped(*steps, PathStep("endpoints", "stops", reason))
    notes = list(_received_notes(chosen, local, dropping))
    return _judged_by_nodes(cluster, (*steps, *notes), deliveries, chosen)


def _judged_by_nodes(
    cluster: ClusterState, steps: Sequence[PathStep], deliveries: list[Delivery], chosen: Chosen
) -> PathVerdict:
    """Where only the tunnel's address makes the difference, which of the two is seen is not
    known."""
    plain = [one for one in deliveries if not _by_tunnel(one)]
    answer = judged(cluster, steps, plain, where_they_differ=chosen.notes)
    tunnelled = [one for one in deliveries if _by_tunnel(one)]
    if not tunnelled:
        return answer
    other = judged(cluster, steps, tunnelled)
    if other.verdict == answer.verdict or answer.verdict == "denied":
        return answer
    note = PathStep("from the node", "note", FROM_TUNNEL)
    if cluster.policies.tunnels:
        return other.noted(note)
    return PathVerdict.unknown((FROM_TUNNEL,), answer.path)


def _by_tunnel(delivery: Delivery) -> bool:
    return delivery.sender.name.endswith(TUNNEL)


def _received_notes(chosen: Chosen, local: bool, dropping: Sequence[str]) -> Iterator[PathStep]:
    yield PathStep("endpoints", "ok", chosen.note)
    if not local:
        yield PathStep("source", "note", MASQUERADED)
    elif dropping:
        reason = f"externalTrafficPolicy Local: {', '.join(dropping)} drop it, without an endpoint"
        yield PathStep("nodes", "note", reason)


def _family_of(service: ServiceRow, nodes: Sequence[Party]) -> bool | None:
    addresses = service.ips if len(service.ips) == 1 else ()
    if len(nodes) == 1 and len(nodes[0].ips) == 1:
        addresses = nodes[0].ips
    return is_ipv6(addresses[0]) if addresses else None


def _by(
    cluster: ClusterState,
    origin: Party,
    node: Party,
    *,
    end: Party,
    number: int,
    port: ServicePort,
    seen_number: int,
    here: bool,
    local: bool,
    labelled: bool,
) -> Iterator[Delivery]:
    """Of one node to one endpoint: as from the source itself, or as from the node."""
    senders = [origin] if local else [node, *_tunnels(cluster, node, end)]
    for sender in senders:
        yield Delivery(
            source=origin,
            seen=end if here else node,
            seen_number=number if here else seen_number,
            sender=sender,
            end=end,
            number=number,
            protocol=port.protocol,
            service_port=port.number,
            label=f" by {node.name}" if labelled else "",
        )


def _tunnels(cluster: ClusterState, node: Party, end: Party) -> list[Party]:
    """What a node is called where it sends to another node's pod over an overlay: by flannel the
    first address of its pods' range."""
    row = cluster.node_rows.get(node.node)
    if row is None or node.node == end.node or not node.ips:
        return []
    addresses = [cidr.partition("/")[0] for cidr in row.pod_cidrs]
    return [
        replace(node, ips=(address,), name=f"{node.name}{TUNNEL}")
        for address in addresses
        if is_ipv6(address) == is_ipv6(node.ips[0])
    ]
