"""Where a Service sends a connection: its endpoints, with the port at each, and a word on them.
Pure, over rows.

As kube-proxy does it: endpoints that are ready; where there is none, those that terminate and
still serve; of them what traffic policies leave. (Kubernetes documentation, Virtual IPs and
Service Proxies.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from collectors.events import Endpoint, PodRow, ServicePort, ServiceRow, SliceRow
from collectors.plural import plural
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.parties import Party, is_ipv6, over, port_number, why_generated

Ends = list[tuple[Party, int]]
SHOWN = 4


@dataclass(frozen=True)
class Chosen:
    """The ends that a connection may be sent to; none with the reason why. `unknown_because`:
    why it is not known whether these are all, or any."""

    ends: Ends
    note: str
    unknown_because: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())  # that matter where the ends differ
    terminating: Ends = field(default_factory=list)  # and serving: for a node that has no other

    def on(self, node: str) -> Ends:
        """Those of one node, as a traffic policy Local chooses them."""
        own = [end for end in self.ends if end[0].node == node]
        return own or [end for end in self.terminating if end[0].node == node]


@dataclass(frozen=True)
class Candidate:
    """An endpoint before it is chosen. `number` 0: its port is not known."""

    party: Party
    number: int
    ready: bool
    serving_terminating: bool = False
    hints: tuple[str, ...] = ()
    ended: str = ""  # why nothing answers there any more, of one that its slice lists as ready


def endpoints(
    cluster: ClusterState,
    service: ServiceRow,
    port: ServicePort,
    *,
    six: bool | None,
    by_dns: bool = False,
) -> Chosen:
    """Those that a Service has for a port, over one address family (None: any), before traffic
    policies. `by_dns`: as DNS lists them, which has no place for endpoints that terminate."""
    rows = cluster.slices_of.get((service.namespace, service.name), [])
    if six is None and not (by_dns and rows):  # DNS answers with whatever its slices list
        six = _only_family(service)
    if not _has_family(service, six):
        wanted = "IPv6" if six else "IPv4"
        has = " and ".join(service.families)
        return Chosen([], f"the Service has {has} alone (ipFamilies), and this is {wanted}")
    pods = selected(cluster, service)
    perhaps = () if rows else tuple(dict.fromkeys(_perhaps_selected(cluster, service)))
    if perhaps and not pods:
        return Chosen([], "its endpoints are not known", perhaps)
    if not rows and not (service.selector and pods):
        return _no_pods(cluster, service) if service.selector else _no_selector(cluster, service)
    if rows:
        listed = list(_listed(cluster, service, port, rows))
    else:
        listed = [_of_pod(cluster, service, port, pod) for pod in pods]
    found = _unique(one for one in listed if _of_family(one.party, six))
    if rows and listed and not found:
        return Chosen([], f"none of its EndpointSlices is of {'IPv6' if six else 'IPv4'}")
    usable = _usable(found, by_dns=by_dns)
    ended = tuple(one.ended for one in found if one.ended)
    if ended and not usable:
        return Chosen([], "; ".join(ended))
    if not any(one.number for one in usable):
        return Chosen(
            [], _why_none(service, port, pods, found=found, usable=usable, sliced=bool(rows))
        )
    chosen = _chosen(service, found, [one for one in usable if one.number], six)
    return replace(chosen, unknown_because=(*perhaps, *ended))


def _only_family(service: ServiceRow) -> bool | None:
    """True where a Service has IPv6 alone, False where it has IPv4 alone."""
    families = {name == "IPv6" for name in service.families}
    return next(iter(families)) if len(families) == 1 else None


def _has_family(service: ServiceRow, six: bool | None) -> bool:
    families = {name == "IPv6" for name in service.families}
    return six is None or not families or six in families


def _chosen(
    service: ServiceRow, found: Sequence[Candidate], usable: Sequence[Candidate], six: bool | None
) -> Chosen:
    ends = _ends(usable, six)
    terminating = [one for one in found if one.serving_terminating and one.number]
    ready = any(one.ready for one in usable)
    return Chosen(
        ends=ends,
        terminating=_ends(terminating, six),
        note=_summary(ends, "ready" if ready else "terminating and still serving"),
        notes=tuple(_choice_notes(service, usable)),
    )


def _ends(found: Sequence[Candidate], six: bool | None) -> Ends:
    return [(one.party if six is None else over(one.party, six), one.number) for one in found]


def _usable(found: Sequence[Candidate], *, by_dns: bool) -> list[Candidate]:
    """Those that are ready; where none is, those that terminate and still serve."""
    ready = [one for one in found if one.ready]
    if ready or by_dns:
        return ready
    return [one for one in found if one.serving_terminating]


def _summary(ends: Ends, state: str) -> str:
    names = sorted(short(end) for end, _ in ends)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(ends)} {state}: {', '.join(names[:SHOWN])}{more}"


def _choice_notes(service: ServiceRow, found: Sequence[Candidate]) -> Iterator[str]:
    """What decides which endpoint is chosen."""
    if service.affinity:
        yield f"sessionAffinity {service.affinity}: one client is sent to the same endpoint again"
    if zones := sorted({zone for one in found for zone in one.hints}):
        yield f"topology hints (zones {', '.join(zones)}): a node chooses endpoints of its zone"
    elif service.distribution:
        yield f"trafficDistribution {service.distribution}: near endpoints come first"


def selected(cluster: ClusterState, service: ServiceRow) -> list[PodRow]:
    """The pods that its selector matches, ready or not."""
    wanted = set(service.selector)
    return [pod for pod in _own_pods(cluster, service) if wanted <= set(pod.labels)]


def _own_pods(cluster: ClusterState, service: ServiceRow) -> Iterator[PodRow]:
    for pod in cluster.pods:
        if pod.namespace == service.namespace and not pod.ended:
            yield pod


def _perhaps_selected(cluster: ClusterState, service: ServiceRow) -> Iterator[str]:
    """Why it is not known whether its selector matches pods of a workload: it asks for labels that
    their controller gives them."""
    wanted = set(service.selector)
    for pod in _own_pods(cluster, service):
        missing = dict(wanted - set(pod.labels))
        if missing and missing.keys() <= set(pod.generated_labels):
            party = cluster.party(pod)
            yield from (why_generated(party, key) for key in missing)


def _no_selector(cluster: ClusterState, service: ServiceRow) -> Chosen:
    if why := cluster.blind.why("endpointslices", service.namespace):
        return Chosen([], "its endpoints are not known", (why,))
    return Chosen([], "the Service has no selector and no EndpointSlice")


def _no_pods(cluster: ClusterState, service: ServiceRow) -> Chosen:
    for kind in ("endpointslices", "pods"):
        if why := cluster.blind.why(kind, service.namespace):
            return Chosen([], "its endpoints are not known", (why,))
    selector = service.selector_text
    for pod in cluster.pods:
        if pod.ended and service.selects(pod):
            ended = f"{pod.name}, which has ended ({pod.phase})"
            return Chosen([], f"its selector {selector} matches no pod but {ended}")
    return Chosen([], f"its selector {selector} matches no pod")


def _of_pod(
    cluster: ClusterState, service: ServiceRow, port: ServicePort, pod: PodRow
) -> Candidate:
    number = port_number(pod, port.target, port.protocol) or 0
    ready = is_ready(pod) or (service.publish_not_ready and not pod.absent)
    going = pod.phase == "Terminating" and is_serving(pod)
    return Candidate(cluster.party(pod), number, ready, serving_terminating=going)


def _listed(
    cluster: ClusterState, service: ServiceRow, port: ServicePort, rows: Sequence[SliceRow]
) -> Iterator[Candidate]:
    """As EndpointSlices list them: a slice without the port's name has no endpoint for it, and
    publishNotReadyAddresses is in its conditions already, by whoever wrote it."""
    named = {(pod.namespace, pod.name): pod for pod in cluster.pods}
    for row in rows:
        numbers = {p.name: p.number for p in row.ports if p.protocol == port.protocol}
        if port.name not in numbers:
            continue
        for endpoint in row.endpoints:
            pod = named.get((row.namespace, endpoint.pod))
            ended = _ended(cluster, endpoint, pod)
            yield Candidate(
                party=_endpoint_party(cluster, row, endpoint, pod),
                number=numbers[port.name],
                ready=endpoint.ready and not ended,
                serving_terminating=endpoint.serving and endpoint.terminating and not ended,
                hints=endpoint.hints,
                ended=ended,
            )


def _ended(cluster: ClusterState, endpoint: Endpoint, pod: PodRow | None) -> str:
    """Why nothing answers at an endpoint of a slice that is out of date."""
    if pod is None or not pod.ended or endpoint.address in cluster.pods_by_address:
        return ""
    if not (endpoint.ready or endpoint.serving):
        return ""
    name = f"{pod.namespace}/{pod.name}"
    return f"{name} has ended ({pod.phase}), and its EndpointSlice still lists it"


def _endpoint_party(
    cluster: ClusterState, row: SliceRow, endpoint: Endpoint, pod: PodRow | None
) -> Party:
    """Whatever the slice's target is, its address is where the connection goes."""
    if pod is not None:
        party = cluster.party(pod)
        if not party.ips or endpoint.address in party.ips:
            return replace(party, ips=(endpoint.address,))
    pod = cluster.pods_by_address.get(endpoint.address)
    if pod is not None:
        return replace(cluster.party(pod), ips=(endpoint.address,))
    why = cluster.blind.why("pods", row.namespace)
    if not why:
        return cluster.address_party(endpoint.address)
    name = f"{row.namespace}/{endpoint.pod}" if endpoint.pod else endpoint.address
    return Party(
        name=name,
        ips=(endpoint.address,),
        namespace=row.namespace,
        node=endpoint.node,
        unsure=f"the labels of {name} are not known: {why}",
    )


def _of_family(party: Party, six: bool | None) -> bool:
    return six is None or not party.ips or any(is_ipv6(ip) == six for ip in party.ips)


def _unique(found: Iterator[Candidate] | Sequence[Candidate]) -> list[Candidate]:
    """Once each: of two families there are two slices; where one alone is ready its address
    counts."""
    first: dict[str, Candidate] = {}
    for one in found:
        known = first.setdefault(one.party.name, one)
        if one.ready and not known.ready:
            first[one.party.name] = one
        elif known is not one and known.ready == one.ready:
            ips = tuple(dict.fromkeys((*known.party.ips, *one.party.ips)))
            first[one.party.name] = replace(known, party=replace(known.party, ips=ips))
    return list(first.values())


def _why_none(
    service: ServiceRow,
    port: ServicePort,
    pods: Sequence[PodRow],
    *,
    found: Sequence[Candidate],
    usable: Sequence[Candidate],
    sliced: bool,
) -> str:
    if usable and sliced:
        return "its EndpointSlice has no number for that port, and kube-proxy passes over it"
    if usable:
        reason = f"no container names a port {port.target}"
    elif sliced and not found:
        name = f"named {port.name!r}" if port.name else "without a name"
        reason = f"no EndpointSlice has a port {name} for {port.number}/{port.protocol}"
    elif pods and all(pod.absent for pod in pods):
        return f"its selector matches {pods[0].workload}, which has no pod: {pods[0].absent}"
    else:
        reason = "none is ready"
    if not service.selector or not pods:
        return reason
    return f"{len(pods)} {plural(len(pods), 'pod')} match and {reason}"


def short(end: Party) -> str:
    """A pod's name without its namespace."""
    return end.name.rpartition("/")[2]


def is_ready(pod: PodRow) -> bool:
    """Of a manifest without a status nothing is known: such a pod is assumed to be well."""
    if pod.replicas is not None:
        return not pod.absent
    if pod.phase == "Unknown" and not pod.uid:
        return True
    return is_serving(pod) and pod.phase != "Terminating"


def is_serving(pod: PodRow) -> bool:
    """Ready, as far as its containers go: it may be terminating."""
    return bool(pod.ip) and pod.all_ready
