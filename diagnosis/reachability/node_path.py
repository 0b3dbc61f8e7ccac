"""By a node: node ports, host ports, external addresses and load balancers; who translates and
masquerades, as kube-proxy does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_address

from collectors.events import ContainerPort, PodRow, ServicePort, ServiceRow
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.deliveries import Delivery, PathStep, PathVerdict, judged, stopped
from diagnosis.reachability.load_balancers import RANGES, Limits, by_balancer, limits
from diagnosis.reachability.masqueraded_sources import senders, unmasqueraded
from diagnosis.reachability.parties import Party, is_ipv6, over
from diagnosis.reachability.service_backends import Chosen, endpoints
from diagnosis.reachability.unassigned_addresses import is_inner

MASQUERADED = (
    "externalTrafficPolicy Cluster: the node that receives it masquerades it, and policies at "
    "other nodes see that node's address"
)
KEPT = "eBPF in place of kube-proxy keeps the client's address (externalTrafficPolicy Cluster)"
# kubelet, its health check, kube-proxy's (Kubernetes documentation, Ports and Protocols)
NODE_DAEMONS = (10250, 10248, 10249, 10256)


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
    found = list(_host_ports(cluster, node, number=number, protocol=protocol))
    for pod, declared in found:
        if _is_bound(declared, node):
            return _by_host_port(cluster, origin, node, pod, declared)
    return _bound_elsewhere(cluster, node, found) if found else None


def unseen_at(cluster: ClusterState, end: Party) -> str:
    """Why it is not known whether something else answers at a node's address and port: a Service
    or a hostPort."""
    if not end.host:
        return ""
    return cluster.blind.why("services") or cluster.blind.why("pods")


def may_be_node_port(
    cluster: ClusterState, address: str, *, number: int, protocol: str
) -> Iterator[str]:
    """Why an address that nobody has may lead to a Service: it has that node port, and the nodes
    are not all known."""
    nodes = cluster.blind.why("nodes") or ("" if cluster.nodes else "no node is among the objects")
    if not nodes and is_inner(address):
        nodes = "other nodes may have it than those among the objects"
    for service in cluster.services if nodes else ():
        if any((p.node_port, p.protocol) == (number, protocol) for p in service.targets):
            name = f"{service.namespace}/{service.name}"
            yield f"{address} may be a node's, of which Service {name} has port {number}: {nodes}"


def listens_itself(
    cluster: ClusterState, node: Party, number: int, protocol: str
) -> tuple[PathStep, ...]:
    """That nothing of the cluster is known to have a node's port, where that is so."""
    if number in NODE_DAEMONS or any(_has_itself(p, node, number, protocol) for p in cluster.pods):
        return ()
    reason = "no Service and no pod is known to have it: the node may not listen"
    return (PathStep(f"port {number} of {node.name}", "note", reason),)


def _host_ports(
    cluster: ClusterState, node: Party, *, number: int, protocol: str
) -> Iterator[tuple[PodRow, ContainerPort]]:
    """Of a node's pods that have a network of their own."""
    for pod in cluster.pods:
        if pod.node == node.node and not pod.host_network and not pod.ended:
            for declared in pod.ports:
                if (declared.host_port, declared.protocol) == (number, protocol):
                    yield pod, declared


def _is_bound(declared: ContainerPort, node: Party) -> bool:
    """Whether hostIP is one of the addresses by which the node is asked; without one it is every
    address, an unspecified one is all of its family."""
    if not declared.host_ip:
        return True
    try:
        bound = ip_address(declared.host_ip)
    except ValueError:  # any text is accepted, and none of it is an address of the node
        return False
    if bound.is_unspecified:
        return any(ip_address(ip).version == bound.version for ip in node.ips)
    return str(bound) in node.ips


def _bound_elsewhere(
    cluster: ClusterState, node: Party, found: Sequence[tuple[PodRow, ContainerPort]]
) -> PathVerdict | None:
    """None where a process of the node itself is known to have the port."""
    number, protocol = found[0][1].host_port, found[0][1].protocol
    if any(_has_itself(pod, node, number, protocol) for pod in cluster.pods):
        return None
    who = ", ".join(f"{pod.namespace}/{pod.name} ({port.host_ip})" for pod, port in found)
    reason = (
        f"hostPort of {who}: bound to that hostIP alone, and this is {', '.join(node.ips)}; "
        "nothing else is known to have the port"
    )
    return stopped(PathStep(f"port {number} of {node.name}", "stops", reason))


def _has_itself(pod: PodRow, node: Party, number: int, protocol: str) -> bool:
    own = pod.host_network and pod.node == node.node and not pod.ended
    return own and any((p.number, p.protocol) == (number, protocol) for p in pod.ports)


def _by_host_port(
    cluster: ClusterState, origin: Party, node: Party, pod: PodRow, declared: ContainerPort
) -> PathVerdict:
    """The node translates to the pod, of the family by which it was asked, and keeps the
    source."""
    end = cluster.party(pod)
    if len({is_ipv6(ip) for ip in node.ips}) == 1:
        six = is_ipv6(node.ips[0])
        end, origin = over(end, six), over(origin, six)
        if not end.ips and cluster.party(pod).ips:
            return _without_family(cluster.party(pod), node, declared)
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
        host_port=declared.host_port,
        early="" if here or not origin.selectable else cluster.policies.seen.early,
    )
    return judged(cluster, (step,), [_as_sent_on(cluster, delivery, node, masquerades=False)])


def _without_family(end: Party, node: Party, declared: ContainerPort) -> PathVerdict:
    wanted = "IPv6" if is_ipv6(node.ips[0]) else "IPv4"
    reason = f"hostPort of {end.name}, which has no address of {wanted}"
    return stopped(PathStep(f"port {declared.host_port} of {node.name}", "stops", reason))


def _by_node_port(
    cluster: ClusterState, origin: Party, node: Party, service: ServiceRow, port: ServicePort
) -> PathVerdict:
    name = f"Service {service.namespace}/{service.name}:{port.number}/{port.protocol}"
    steps = [PathStep(f"port {port.node_port} of {node.name}", "ok", name)]
    return _received(
        cluster,
        origin,
        [node],
        service=service,
        port=port,
        steps=steps,
        seen_number=port.node_port,
        by_node_port=True,
    )


def by_external(
    cluster: ClusterState, origin: Party, service: ServiceRow, port: ServicePort
) -> PathVerdict:
    """By an address of a load balancer or an externalIP: any node may receive it; of a pod its
    own node does."""
    external = _external_ips(service)
    if not external and (names := (*service.balancer_names, *service.proxied_ips)):
        return by_balancer(cluster, origin, service, port, address=names[0])
    if len(entries := _entries(cluster, origin, external)) > 1:
        each = (replace(service, ips=(ip,)) for ip in entries)
        answers = [by_external(cluster, origin, one, port) for one in each]
        return _of_entries(entries, answers)
    name = f"Service {service.namespace}/{service.name}:{port.number}/{port.protocol}"
    shown = ", ".join(external) or "by any node's port"
    steps = [PathStep(name, "ok", f"{shown}; to targetPort {port.target}")]
    found = _limits(origin, service, external)
    if found.denied:
        return stopped(*steps, PathStep(RANGES, "stops", found.denied))
    return _received(
        cluster,
        origin,
        _receiving(cluster, origin, external),
        service=service,
        port=port,
        steps=steps,
        seen_number=port.number,
        because=found.unknown_because,
    )


def _entries(cluster: ClusterState, origin: Party, external: Sequence[str]) -> list[str]:
    """Where each address is a node's, so that one node receives it: those of the source's
    family."""
    if origin.in_cluster or not all(ip in cluster.node_addresses for ip in external):
        return []
    own = {is_ipv6(ip) for ip in origin.ips}
    return [ip for ip in external if not own or is_ipv6(ip) in own]


def _of_entries(entries: Sequence[str], answers: Sequence[PathVerdict]) -> PathVerdict:
    if len({answer.verdict for answer in answers}) == 1:
        return answers[0]
    each = ", ".join(f"{ip}: {one.verdict}" for ip, one in zip(entries, answers, strict=True))
    reason = f"it depends on which of its addresses is used ({each}): give one of them"
    return PathVerdict.unknown((reason,), answers[0].path)


def _external_ips(service: ServiceRow) -> list[str]:
    """By which nodes know it as the Service: those that it was given by, else all."""
    own = [ip for ip in service.ips if ip in service.outer_ips] or list(service.outer_ips)
    return [ip for ip in own if ip not in service.proxied_ips]


def _limits(origin: Party, service: ServiceRow, external: Sequence[str]) -> Limits:
    """An externalIP that is none of the load balancer's has none."""
    balanced = not external or any(ip in service.balancer_ips for ip in external)
    return limits(origin, service) if balanced and service.type == "LoadBalancer" else Limits()


def _receiving(cluster: ClusterState, origin: Party, external: Sequence[str]) -> list[Party]:
    """Any node may receive it, or the one that has the address; of a pod its own node does."""
    if origin.in_cluster and origin.node:
        return [cluster.node_party(origin.node)]
    own = [cluster.node_addresses.get(ip, "") for ip in external]
    if own and all(own):
        return [cluster.node_party(name) for name in dict.fromkeys(own)]
    nodes = [cluster.node_party(name) for name in cluster.node_names]
    return nodes or [Party("the node that receives it", host=True)]


def _received(
    cluster: ClusterState,
    origin: Party,
    nodes: Sequence[Party],
    *,
    service: ServiceRow,
    port: ServicePort,
    steps: Sequence[PathStep],
    seen_number: int,
    by_node_port: bool = False,
    because: Sequence[str] = (),
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
        ends = chosen.on(node.node) if local and not here else chosen.ends
        if not ends:
            dropping.append(node.name)
        label = f" by {node.name}" if len(nodes) > 1 else ""
        for end, number in ends:
            one = Delivery.plain(origin, end, number, port.protocol, service_port=port.number)
            one = _as_sent_on(cluster, one, node, masquerades=not local)
            seen = cluster.policies.seen
            early = seen.early_here if here else seen.early
            if not here or (early and by_node_port):
                one = replace(one, seen=node, seen_number=seen_number)
                one = replace(one, early=early if origin.selectable else "")
            deliveries.append(replace(one, label=label))
    if not deliveries:
        reason = f"externalTrafficPolicy Local: 0 ready on {', '.join(dropping)}, which drops it"
        return stopped(*steps, PathStep("endpoints", "stops", reason))
    notes = list(_received_notes(cluster, chosen, local, dropping))
    answer = judged(cluster, (*steps, *notes), deliveries, where_they_differ=chosen.notes)
    return _unless_known(answer, (*because, *chosen.unknown_because))


def _as_sent_on(
    cluster: ClusterState, one: Delivery, node: Party, *, masquerades: bool
) -> Delivery:
    """By a node that masquerades it, or keeps the source as it came."""
    known, origin = cluster.policies.seen, one.source
    arrived = unmasqueraded(known, origin, node, cluster.node_party(origin.node))
    if not masquerades:
        return replace(one, sender=origin, perhaps=arrived.perhaps, why=arrived.why)
    found = senders(known, origin, node, one.end)
    if origin not in (found.sender, *found.perhaps) or not arrived.perhaps:
        return replace(one, sender=found.sender, perhaps=found.perhaps, why=found.why)
    why = "; ".join(filter(None, (found.why, arrived.why)))
    return replace(one, sender=found.sender, perhaps=(*found.perhaps, *arrived.perhaps), why=why)


def _unless_known(answer: PathVerdict, because: Sequence[str]) -> PathVerdict:
    """What is not known besides decides where nothing else denies it."""
    if not because or answer.verdict == "denied":
        return answer
    reasons = tuple(dict.fromkeys((*answer.unknown_because, *because)))
    return PathVerdict.unknown(reasons, answer.path)


def _received_notes(
    cluster: ClusterState, chosen: Chosen, local: bool, dropping: Sequence[str]
) -> Iterator[PathStep]:
    yield PathStep("endpoints", "ok", chosen.note)
    if not local:
        kept = cluster.policies.seen.other_node == "client"
        yield PathStep("source", "note", KEPT if kept else MASQUERADED)
    elif dropping:
        reason = f"externalTrafficPolicy Local: {', '.join(dropping)} drop it, without an endpoint"
        yield PathStep("nodes", "note", reason)


def _family_of(service: ServiceRow, nodes: Sequence[Party]) -> bool | None:
    addresses = service.ips if len(service.ips) == 1 else ()
    if len(nodes) == 1 and len(nodes[0].ips) == 1:
        addresses = nodes[0].ips
    return is_ipv6(addresses[0]) if addresses else None
