"""A destination that is given by its name asks for DNS first: UDP and TCP 53 to the resolver that
the pod uses.

(Kubernetes documentation, DNS for Services and Pods: dnsPolicy. A pod on the host's network uses
the node's resolver unless its policy is ClusterFirstWithHostNet.)
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import PodRow, ServicePort, ServiceRow
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.deliveries import Delivery, PathStep, PathVerdict, judged, stopped
from diagnosis.reachability.parties import NAME_LABEL, Party, family
from diagnosis.reachability.service_backends import Chosen, endpoints

SYSTEM, LABEL, SERVER = "kube-system", "k8s-app", "kube-dns"
PORT = 53
ASSUMED = (
    "the cluster's DNS is not among the objects: assumed to be pods of kube-system with "
    "k8s-app=kube-dns, port 53"
)


def external_name(row: PodRow | ServiceRow | str) -> str:
    """The name that a Service of type ExternalName is looked up by, whatever it is given by."""
    if isinstance(row, ServiceRow) and (row.external_name or row.type == "ExternalName"):
        return f"{row.name}.{row.namespace}"
    return ""


def lookup(cluster: ClusterState, origin: Party, source: PodRow | str, name: str) -> PathVerdict:
    """May the source ask its resolver? Over UDP decides; what is too long for it is asked over
    TCP."""
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
    host = pod.host_network and pod.dns_policy in ("", "ClusterFirst")
    if host or pod.dns_policy == "Default":
        end = Party("the node's resolver")
        return judged(cluster, (), [Delivery.plain(origin, end, PORT, protocol)])
    return _of_cluster(cluster, origin, protocol)


def _of_cluster(cluster: ClusterState, origin: Party, protocol: str) -> PathVerdict:
    service, port = _service(cluster, protocol)
    if service is None or port is None:
        return _assumed(cluster, origin, protocol)
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
