"""Names in DNS as the cluster's resolver answers them: Services, endpoints of Services by their
host name, pods by their address, and host names of load balancers.

(Kubernetes documentation, DNS for Services and Pods; the specification of DNS-based service
discovery 1.1.0; CoreDNS, plugin kubernetes.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from collectors.events import Endpoint, PodRow, ServiceRow
from collectors.frozen import frozen
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.service_backends import is_ready, selected

DOMAIN = ".svc.cluster.local"  # of Services' names, unless a cluster is configured otherwise


@frozen
class Named:
    """What a name stands for. `missing` says why it has no answer although the pod is there."""

    row: PodRow | ServiceRow | str
    missing: str = ""


@frozen
class NameInCluster:
    """A name under the cluster's domain: of a Service, of one of its endpoints (`host`), or, in
    `pod`, of an address."""

    namespace: str
    service: str = ""
    host: str = ""
    pod: str = ""


def readings(labels: Sequence[str], namespace: str) -> Iterator[NameInCluster]:
    """What a name may be, in the order in which a pod's search list tries it; `namespace` is the
    pod's own, '' where it is not known."""
    if labels[2:3] == ["svc"]:
        yield NameInCluster(labels[1], labels[0])
    elif labels[3:4] == ["svc"]:
        yield NameInCluster(labels[2], labels[1], labels[0])
    elif labels[2:3] == ["pod"]:
        yield NameInCluster(labels[1], pod=labels[0])
    elif len(labels) == 2:
        if namespace:
            yield NameInCluster(namespace, labels[1], labels[0])
        yield NameInCluster(labels[1], labels[0])
    elif len(labels) == 3:
        yield NameInCluster(labels[2], labels[1], labels[0])


def foreign_domain(labels: Sequence[str]) -> str:
    """Why it is not known whether a name is of this cluster: it is under another domain than most
    clusters have. '' where it is under that one, or under none."""
    for kind in ("svc", "pod"):
        at = next((n for n in (2, 3) if labels[n : n + 1] == [kind]), 0)
        domain = ".".join(labels[at + 1 :])
        if at and domain and f".svc.{domain}" != DOMAIN:
            usual = DOMAIN.removeprefix(".svc.")
            return f"whether {domain} is the domain of this cluster is not known (usual: {usual})"
    return ""


def resolved(cluster: ClusterState, name: NameInCluster) -> Named | None:
    if name.pod:
        return _pod_by_address(cluster, name.pod)
    service = cluster.service(name.namespace, name.service)
    if service is None:
        return None
    return _endpoint(cluster, service, name.host) if name.host else Named(service)


def _pod_by_address(cluster: ClusterState, text: str) -> Named | None:
    """10-244-2-6: CoreDNS answers with the address, whoever has it (`pods insecure`)."""
    address = _dashed(text)
    if address is None:
        return None
    found = cluster.at(address)
    return Named(found) if isinstance(found, PodRow) else Named(address)


def _dashed(text: str) -> str | None:
    for separator in (".", ":"):
        try:
            return str(ip_address(text.replace("-", separator)))
        except ValueError:
            continue
    return None


# --- endpoints of a Service


def _endpoint(cluster: ClusterState, service: ServiceRow, host: str) -> Named | None:
    rows = cluster.slices_of.get((service.namespace, service.name), [])
    if rows:
        listed = (end for row in rows for end in row.endpoints if _is_called(end, host))
        found = (_of_endpoint(cluster, service.namespace, end) for end in listed)
    else:
        pods = (pod for pod in selected(cluster, service) if _has_host(pod, service, host))
        found = (_of_pod(service, pod) for pod in pods)
    return next(found, None) or _without_name(cluster, service, host)


def _without_name(cluster: ClusterState, service: ServiceRow, host: str) -> Named | None:
    """A pod that is called so, and has no such name in DNS."""
    for pod in cluster.pods:
        if (pod.namespace, pod.name) == (service.namespace, host):
            needs = f"hostname {host}, subdomain {service.name} and labels that the Service selects"
            return Named(pod, f"DNS has no such name: the pod would need {needs}")
    return None


def _is_called(end: Endpoint, host: str) -> bool:
    """By its host name, or, where it has none, by its address with dashes."""
    return host == (end.hostname or _with_dashes(end.address))


def _of_endpoint(cluster: ClusterState, namespace: str, end: Endpoint) -> Named:
    pods = (p for p in cluster.pods if (p.namespace, p.name) == (namespace, end.pod))
    row = next(pods, None) or cluster.at(end.address)
    named = row if isinstance(row, PodRow) else end.address
    return Named(named, "" if end.ready else _not_ready(end.pod or end.address))


def _of_pod(service: ServiceRow, pod: PodRow) -> Named:
    ready = is_ready(pod) or service.publish_not_ready
    return Named(pod, "" if ready or pod.absent else _not_ready(pod.name))


def _not_ready(name: str) -> str:
    return f"{name} is not ready, and DNS has no name of it until it is (publishNotReadyAddresses)"


def _has_host(pod: PodRow, service: ServiceRow, host: str) -> bool:
    if pod.hostname and pod.subdomain == service.name:
        return host == pod.hostname
    if pod.workload.startswith("StatefulSet/") and not pod.subdomain:
        return host == pod.name  # of a session that was recorded without host names
    return any(host == _with_dashes(ip) for ip in pod.ips or (pod.ip,) if ip)


def _with_dashes(address: str) -> str:
    return address.replace(".", "-").replace(":", "-")


# --- load balancers


def balanced(cluster: ClusterState, name: str) -> ServiceRow | None:
    """The Service of whose load balancer it is the host name."""
    name = name.rstrip(".").lower()
    return next((s for s in cluster.services if name in s.balancer_names), None)
