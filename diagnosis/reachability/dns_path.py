"""A destination that is given by its name asks for DNS first: UDP and TCP 53 to the resolver that
the pod uses.

(Kubernetes documentation, DNS for Services and Pods: dnsPolicy. A pod on the host's network uses
the node's resolver unless its policy is ClusterFirstWithHostNet.)
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import NodeRow, PodRow, ServicePort, ServiceRow
from collectors.frozen import frozen
from diagnosis.reachability import dns_names
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.deliveries import Delivery, PathStep, PathVerdict, judged, stopped
from diagnosis.reachability.parties import NAME_LABEL, Party, family
from diagnosis.reachability.service_backends import Chosen, endpoints

UNSURE = "whether that knows {name} is not known"
SYSTEM, LABEL, SERVER = "kube-system", "k8s-app", "kube-dns"
PORT = 53
ASSUMED = (
    "the cluster's DNS is not among the objects: assumed to be pods of kube-system with "
    "k8s-app=kube-dns, port 53"
)


def external_name(row: PodRow | ServiceRow | NodeRow | str) -> str:
    """The name that a Service of type ExternalName is looked up by, whatever it is given by."""
    if isinstance(row, ServiceRow) and row.type == "ExternalName":
        return f"{row.name}.{row.namespace}"
    return ""


@frozen
class LookedUp:
    """`of_cluster`: a name that the cluster's DNS alone knows."""

    name: str
    of_cluster: bool


def is_of_cluster(
    cluster: ClusterState, row: PodRow | ServiceRow | NodeRow | str, name: str
) -> bool:
    """Of a Service or a pod; the host name of a load balancer is public."""
    return not isinstance(row, str) and dns_names.balanced(cluster, name) is None


def lookup(
    cluster: ClusterState, origin: Party, source: PodRow | NodeRow | str, asked: LookedUp
) -> PathVerdict:
    """May the source ask its resolver, and does that know the name? Over UDP decides; what is too
    long for it is asked over TCP."""
    answer = _asked(cluster, origin, source, asked.name)
    if answer.verdict != "allowed":
        return answer
    why = _not_known_by(cluster, origin, source, asked)
    return PathVerdict.unknown((why,), answer.path) if why else answer


def _not_known_by(
    cluster: ClusterState, origin: Party, source: PodRow | NodeRow | str, asked: LookedUp
) -> str:
    """Why a name of the cluster may have no answer: its resolver is not the cluster's DNS."""
    if not asked.of_cluster:
        return ""
    if not isinstance(source, PodRow):
        return f"{origin.name} asks a resolver of its own; {UNSURE.format(name=asked.name)}"
    if _uses_node_resolver(source):
        policy = _policy_of(source)
        return f"the pod asks its node's resolver ({policy}); {UNSURE.format(name=asked.name)}"
    if source.dns_policy != "None" or not source.nameservers:
        return ""
    return _why_not_by(cluster, source, asked.name)


def _why_not_by(cluster: ClusterState, pod: PodRow, name: str) -> str:
    """Of a pod with resolvers of its own."""
    service, _ = _service(cluster, "UDP")
    own = ", ".join(pod.nameservers)
    if service is None or not set(pod.nameservers) & set(service.ips):
        return f"the pod asks {own} (dnsConfig); {UNSURE.format(name=name)}"
    if name.rstrip(".").endswith(dns_names.DOMAIN):
        return ""
    return f"whether the searches of its dnsConfig complete {name} is not known"


def _uses_node_resolver(pod: PodRow) -> bool:
    host = pod.host_network and pod.dns_policy in ("", "ClusterFirst")
    return host or pod.dns_policy == "Default"


def _policy_of(pod: PodRow) -> str:
    on_host = "" if pod.dns_policy == "Default" else " on the host's network"
    return f"dnsPolicy {pod.dns_policy or 'ClusterFirst'}{on_host}"


def _asked(
    cluster: ClusterState, origin: Party, source: PodRow | NodeRow | str, name: str
) -> PathVerdict:
    if not isinstance(source, PodRow):
        step = PathStep(f"DNS {name}", "note", f"{origin.name} uses a resolver of its own")
        return PathVerdict("allowed", False, None, (step,))
    udp = _over(cluster, origin, source, "UDP")
    if udp.verdict != "allowed":
        return udp.after(PathStep(f"DNS {name}", "note", "the name must be looked up first"))
    tcp = _over(cluster, origin, source, "TCP")
    if tcp.verdict == "allowed":
        step = PathStep(f"DNS {name}", "ok", "the resolver may be asked over UDP and TCP")
        return PathVerdict("allowed", False, udp.decided_by, (step, *_notes(udp)))
    reason = "the resolver may be asked over UDP, not over TCP: long answers will not arrive"
    return PathVerdict(
        "allowed", False, udp.decided_by, (PathStep(f"DNS {name}", "note", reason), *_notes(udp))
    )


def _notes(answer: PathVerdict) -> Iterator[PathStep]:
    yield from (step for step in answer.path if step.result == "note" and step.what == "resolver")


def _over(cluster: ClusterState, origin: Party, pod: PodRow, protocol: str) -> PathVerdict:
    own = [server for server in pod.nameservers if pod.dns_policy == "None"]
    if own:
        ends = [cluster.address_party(server) for server in own]
        return judged(cluster, (), [Delivery.plain(origin, end, PORT, protocol) for end in ends])
    if _uses_node_resolver(pod):
        end = Party("the node's resolver")
        return judged(cluster, (), [Delivery.plain(origin, end, PORT, protocol)])
    return _of_cluster(cluster, origin, protocol)


def _of_cluster(cluster: ClusterState, origin: Party, protocol: str) -> PathVerdict:
    service, port = _service(cluster, protocol)
    if service is None or port is None:
        return _assumed(cluster, origin, protocol)
    if reason := cluster.redirect(service.ips, PORT, protocol, service):
        return PathVerdict.unknown((reason,))
    chosen = endpoints(cluster, service, port, six=_family(service, origin))
    name = f"{service.namespace}/{service.name}"
    if chosen.unknown_because:
        return PathVerdict.unknown(chosen.unknown_because)
    if not chosen.ends:
        return stopped(PathStep(f"resolver {name}", "stops", chosen.note))
    deliveries = _deliveries(origin, chosen, protocol)
    return judged(cluster, (), deliveries)


def _deliveries(origin: Party, chosen: Chosen, protocol: str) -> list[Delivery]:
    return [
        Delivery.plain(origin, end, number, protocol, service_port=PORT)
        for end, number in chosen.ends
    ]


def _family(service: ServiceRow, origin: Party) -> bool | None:
    if not service.ips or not origin.ips:
        return None
    return family(origin, Party(service.name, service.ips))


def _service(cluster: ClusterState, protocol: str) -> tuple[ServiceRow | None, ServicePort | None]:
    """The Service that resolves the cluster's names: kube-dns of kube-system, or another that
    serves port 53."""
    found = [
        (service, port)
        for service in cluster.services
        for port in service.targets
        if port.number == PORT and port.protocol == protocol and service.ips
    ]
    found.sort(key=lambda one: (one[0].name != SERVER, one[0].namespace != SYSTEM))
    return found[0] if found else (None, None)


def _assumed(cluster: ClusterState, origin: Party, protocol: str) -> PathVerdict:
    """By the convention of nearly every cluster, where its DNS is not listed."""
    labels = cluster.labels.get(SYSTEM)
    server = Party(
        name=f"{SYSTEM}/{SERVER}",
        namespace=SYSTEM,
        labels={LABEL: SERVER},
        namespace_labels=labels or {NAME_LABEL: SYSTEM},
        namespace_known=labels is not None,
        unsure=cluster.blind.why("services", SYSTEM),
    )
    answer = judged(cluster, (), [Delivery.plain(origin, server, PORT, protocol)])
    return answer.after(PathStep("resolver", "note", ASSUMED))
