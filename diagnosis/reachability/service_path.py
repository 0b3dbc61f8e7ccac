"""Services on a path: cluster IPs, headless Services and ExternalName, as kube-proxy and DNS
lead there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from collectors.events import ContainerPort, ServicePort, ServiceRow
from diagnosis.reachability import load_balancers, name_doubts, node_path
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.deliveries import Delivery, PathStep, PathVerdict, judged, stopped
from diagnosis.reachability.dns_names import DOMAIN
from diagnosis.reachability.parties import Party, is_ipv6, no_common_family, over
from diagnosis.reachability.service_backends import Chosen, endpoints

OUTWARD = ("NodePort", "LoadBalancer")
NOT_ROUTED = (
    "outside of the cluster a ClusterIP is usually not routed, and whether it is here is not known"
)
NOT_SEARCHED = (
    "ExternalName {target} is looked up as it is, without search domains: whether any server knows "
    "it is not known; a Service's whole name would be {name}"
)
DEEPEST = 8


# --- ExternalName


def followed(cluster: ClusterState, service: ServiceRow) -> ServiceRow | str | PathVerdict:
    """The Service that an ExternalName leads to, or the name outside of the cluster; itself for
    any other."""
    met: list[str] = []
    while service.type == "ExternalName":
        name = f"{service.namespace}/{service.name}"
        if name in met or len(met) > DEEPEST:
            chain = " → ".join((*met, name))
            return stopped(PathStep(f"Service {name}", "stops", f"ExternalName in a loop: {chain}"))
        met.append(name)
        target = service.external_name.rstrip(".")
        if known_as := _as_if_searched(cluster, service, target):
            reason = NOT_SEARCHED.format(target=target, name=known_as)
            return PathVerdict.unknown((reason,), (external_step(service, target),))
        base = target.removesuffix(DOMAIN)
        if base == target or base.count(".") != 1:
            return target
        first, namespace = base.split(".")
        led = cluster.service(namespace, first)
        if led is None:
            if why := cluster.blind.why("services", namespace):
                return PathVerdict.unknown((why,))
            if name_doubts.is_api(cluster, namespace, first):
                return PathVerdict.unknown((name_doubts.API_UNSEEN,))
            reason = f"ExternalName: {target}, and there is no such Service"
            return stopped(PathStep(f"Service {name}", "stops", reason))
        service = led
    return service


def _as_if_searched(cluster: ClusterState, service: ServiceRow, target: str) -> str:
    """The Service that was meant by a name which only a pod's search domains would complete; ''
    for a whole name. What a CNAME leads to is looked up as it is (RFC 1034, 3.6.2)."""
    labels = target.removesuffix(".svc").split(".")
    if len(labels) > 2 or (len(labels) == 1 and target.endswith(".svc")):
        return ""
    name, namespace = (*labels, service.namespace)[:2]
    is_known = cluster.service(namespace, name) is not None
    return f"{name}.{namespace}{DOMAIN}" if is_known or len(labels) == 1 else ""


def external_step(service: ServiceRow, target: str) -> PathStep:
    name = f"Service {service.namespace}/{service.name}"
    return PathStep(name, "note", f"ExternalName: a CNAME to {target}; ports are not translated")


# --- by a Service's own address


def through(
    cluster: ClusterState, origin: Party, service: ServiceRow, *, port: str, protocol: str
) -> PathVerdict:
    """To a Service, by whichever of its addresses it was given; from outside by those for the
    outside."""
    name = f"{service.namespace}/{service.name}"
    chosen = _service_port(service, port, protocol)
    if service.headless:
        return _headless(cluster, origin, service, port=port, protocol=protocol)
    if chosen is None:
        have = ", ".join(service.ports) or "none"
        reason = f"it has no port {port}/{protocol}; it has {have}{_node_port_hint(service, port)}"
        return stopped(PathStep(f"Service {name}", "stops", reason))
    if reason := cluster.redirect(service.ips, chosen.number, protocol, service):
        return PathVerdict.unknown((reason,))
    if given := load_balancers.given_by(service):
        return load_balancers.by_balancer(cluster, origin, service, chosen, address=given)
    addresses = _usable(origin, service.ips)
    if addresses is None:
        reason = _families_differ(origin, service)
        return stopped(PathStep(f"Service {name}", "stops", reason))
    if _from_outside(origin, service):
        return node_path.by_external(cluster, origin, service, chosen)
    return _by_families(cluster, origin, service, chosen, addresses)


def _node_port_hint(service: ServiceRow, port: str) -> str:
    if not any(port == str(one.node_port) for one in service.targets):
        return ""
    return f" ({port} is its node port: ask for a node, as in --to node/NAME --port {port})"


def _families_differ(origin: Party, service: ServiceRow) -> str:
    wanted = "IPv6" if is_ipv6(service.ips[0]) else "IPv4"
    own = "IPv6" if is_ipv6(origin.ips[0]) else "IPv4"
    return (
        f"its address {', '.join(service.ips)} is of {wanted} alone (ipFamilies), and "
        f"{origin.name} has {', '.join(origin.ips)}, of {own} alone: no connection is possible"
    )


def _service_port(service: ServiceRow, port: str, protocol: str) -> ServicePort | None:
    for one in service.targets:
        if protocol == one.protocol and port in (str(one.number), one.name):
            return one
    return None


def _usable(origin: Party, ips: Sequence[str]) -> tuple[str, ...] | None:
    """The addresses of a family that the source has; None where it has none of them."""
    if not ips or not origin.ips:
        return tuple(ips)
    own = {is_ipv6(ip) for ip in origin.ips}
    return tuple(ip for ip in ips if is_ipv6(ip) in own) or None


def _from_outside(origin: Party, service: ServiceRow) -> bool:
    """Whether it goes by a node that translates for the outside: from there, or to an external
    address."""
    external = bool(service.ips) and all(ip in service.outer_ips for ip in service.ips)
    return external or (not origin.in_cluster and service.type in OUTWARD)


def _by_families(
    cluster: ClusterState,
    origin: Party,
    service: ServiceRow,
    port: ServicePort,
    addresses: Sequence[str],
) -> PathVerdict:
    """Over the first family, with what is so over the other where that differs: DNS answers with
    both addresses, and a client may try them in turn."""
    first = _by_cluster_ip(cluster, origin, service, port, addresses)
    other = [ip for ip in addresses if is_ipv6(ip) != is_ipv6(addresses[0])]
    if not other or not over(origin, is_ipv6(other[0])).ips:
        return first
    second = _by_cluster_ip(cluster, origin, service, port, other)
    if second.verdict == first.verdict:
        return first
    words = {"denied": "not allowed", "unknown": "not known"}
    names = ["IPv6" if is_ipv6(ip) else "IPv4" for ip in (addresses[0], other[0])]
    found = zip((first, second), names, strict=True)
    said = ", ".join(f"{words.get(one.verdict, one.verdict)} over {name}" for one, name in found)
    reason = f"{said}: a client may use either (AAAA and A)"
    return first.noted(PathStep("which family", "note", reason))


def _by_cluster_ip(
    cluster: ClusterState,
    origin: Party,
    service: ServiceRow,
    port: ServicePort,
    addresses: Sequence[str],
) -> PathVerdict:
    six = is_ipv6(addresses[0]) if addresses else None
    if six is not None and origin.ips:
        origin = over(origin, six)
    shown = ", ".join(addresses) or "its address is assigned when it is created"
    name = f"Service {service.namespace}/{service.name}:{port.number}/{port.protocol}"
    steps = [PathStep(name, "ok", f"{shown}; to targetPort {port.target}")]
    chosen = _internal(service, endpoints(cluster, service, port, six=six), origin)
    if not origin.in_cluster and not origin.unsure:
        because = (*chosen.unknown_because, f"from {origin.name}: {NOT_ROUTED}")
        chosen = replace(chosen, unknown_because=because)
    found = [replace(one, translated=True) for one in _deliveries(origin, chosen, port)]
    found = [replace(one, service_ips=tuple(addresses)) for one in found]
    return _delivered(cluster, found, chosen, steps)


def _to_ends(
    cluster: ClusterState,
    origin: Party,
    chosen: Chosen,
    steps: Sequence[PathStep],
    port: ServicePort,
) -> PathVerdict:
    return _delivered(cluster, _deliveries(origin, chosen, port), chosen, steps)


def _deliveries(origin: Party, chosen: Chosen, port: ServicePort) -> list[Delivery]:
    return [
        Delivery.plain(origin, end, number, port.protocol, service_port=port.number)
        for end, number in chosen.ends
    ]


def _delivered(
    cluster: ClusterState, deliveries: Sequence[Delivery], chosen: Chosen, steps: Sequence[PathStep]
) -> PathVerdict:
    if not chosen.ends:
        if chosen.unknown_because:
            return PathVerdict.unknown(chosen.unknown_because, steps)
        return stopped(*steps, PathStep("endpoints", "stops", chosen.note))
    return judged(
        cluster,
        (*steps, PathStep("endpoints", "ok", chosen.note)),
        deliveries,
        because=chosen.unknown_because,
        where_they_differ=chosen.notes,
    )


def _internal(service: ServiceRow, chosen: Chosen, origin: Party) -> Chosen:
    """What internalTrafficPolicy leaves."""
    if service.internal_policy != "Local" or not chosen.ends:
        return chosen
    if not origin.node:
        reason = f"internalTrafficPolicy Local, and the node of {origin.name} is not known"
        return replace(chosen, unknown_because=(reason,))
    local = chosen.on(origin.node)
    note = f"internalTrafficPolicy Local: {len(local)} of {len(chosen.ends)} run on {origin.node}"
    unplaced = any(not end.node for end, _ in chosen.ends)
    if unplaced and not local:
        return replace(chosen, unknown_because=(f"{note}, and the nodes of others are not known",))
    return replace(chosen, ends=local, note=note + ("" if local else ": it is dropped"))


# --- headless


def _headless(
    cluster: ClusterState, origin: Party, service: ServiceRow, *, port: str, protocol: str
) -> PathVerdict:
    """Its name stands for the pods' own addresses: no port is translated, and a client uses those
    of its own families."""
    name = f"Service {service.namespace}/{service.name}"
    declared = _service_port(service, port, protocol)
    number = int(port) if port.isdecimal() else 0
    if not number and declared is None:
        reason = f"headless, and it has no port named {port}/{protocol}"
        return stopped(PathStep(name, "stops", reason))
    asked = declared or ServicePort("", number, protocol, port)
    if number:  # as it is asked, whatever targetPort says
        asked = ServicePort(asked.name, number, protocol, port)
        chosen = _all_addresses(cluster, service, asked)
    else:  # by its name, which a SRV record has: the number is that of its endpoints
        chosen = endpoints(cluster, service, asked, six=None, by_dns=True)
    found = [(end, number or own) for end, own in chosen.ends]
    ends = [one for one in found if not no_common_family(origin, one[0])] or found
    reason = "headless: its name stands for the pods' own addresses, and ports are not translated"
    steps = [PathStep(name, "ok", reason)]
    return _to_ends(cluster, origin, replace(chosen, ends=ends), steps, asked)


def _all_addresses(cluster: ClusterState, service: ServiceRow, asked: ServicePort) -> Chosen:
    """Of a headless Service every ready address counts, whichever ports its slices have."""
    rows = cluster.slices_of.get((service.namespace, service.name), [])
    if not rows:
        return endpoints(cluster, service, asked, six=None, by_dns=True)
    port = ContainerPort(asked.name, asked.number, asked.protocol)
    with_port = [replace(row, ports=(port,)) for row in rows]
    others = [s for s in cluster.slices if s not in rows]
    patched = replace(cluster, slices=(*others, *with_port))
    return endpoints(patched, service, asked, six=None, by_dns=True)
