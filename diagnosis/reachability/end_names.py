"""What people write for an end of a connection: deploy/x, ns/pod, svc/ns/x, a name in DNS, an
address, a URL."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from collectors.events import PodRow, ServiceRow
from collectors.frozen import frozen
from diagnosis.reachability.cluster_state import ClusterState

PORTS = {"http": "80", "https": "443"}
PODS, SERVICES = ("pod", "pods", "po"), ("svc", "service", "services")
WORKLOADS = {
    "deploy": "Deployment",
    "deployment": "Deployment",
    "deployments": "Deployment",
    "sts": "StatefulSet",
    "statefulset": "StatefulSet",
    "statefulsets": "StatefulSet",
    "ds": "DaemonSet",
    "daemonset": "DaemonSet",
    "daemonsets": "DaemonSet",
    "rs": "ReplicaSet",
    "replicaset": "ReplicaSet",
    "replicasets": "ReplicaSet",
    "rc": "ReplicationController",
    "job": "Job",
    "jobs": "Job",
    "cj": "CronJob",
    "cronjob": "CronJob",
    "cronjobs": "CronJob",
}
PROTOCOLS = ("TCP", "UDP", "SCTP")
FORMS = "NAMESPACE/NAME, pod/NAME, deploy/NAME or svc/NAME with -n NAMESPACE, or an address"
LOCAL = ("localhost", "localhost.localdomain")


class Unknown(Exception):
    """An end that is not there, or that is not understood; the message says which, and the form
    that would be."""


@frozen
class End:
    """An end that was named. `row` is an address, or a name outside of the cluster, where it is a
    text.

    `dns_name` is the name that a client would look up, '' for none. `unseen` says why an end
    could not be looked for.
    """

    text: str
    row: PodRow | ServiceRow | str
    dns_name: str = ""
    unseen: str = ""


@frozen
class AskedPort:
    """A number, or the name of a port."""

    port: str
    protocol: str


def asked_port(text: str) -> AskedPort:
    """`80`, `80/TCP`, `http`, `53/udp`."""
    port, slash, protocol = text.strip().partition("/")
    protocol = protocol.upper() if slash else "TCP"
    if protocol not in PROTOCOLS:
        raise Unknown(f"--port {text!r}: {protocol!r} is no protocol; write it as 80/TCP, 53/UDP.")
    if port.isdecimal() and port.isascii():
        if not 0 < int(port) < 65_536:
            raise Unknown(f"--port {text!r}: a port is a number from 1 to 65535.")
        return AskedPort(str(int(port)), protocol)
    if not re.fullmatch(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?", port):
        raise Unknown(f"--port {text!r} is neither a number nor a port's name: write 80 or 80/TCP.")
    return AskedPort(port, protocol)


def is_address(text: str) -> bool:
    """Whether a text is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


class EndFinder:
    """Finds what a text names among the rows. A name alone is of `namespace`; `explicit` where a
    person said which."""

    def __init__(
        self, cluster: ClusterState, namespace: str = "", *, explicit: bool = False
    ) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.explicit = explicit

    def find(self, text: str, port: str = "") -> End:
        """A pod's name may be that of its workload; where it is a Service's, too, the `port`
        says which is meant."""
        written = text.strip()
        plain = _plain(written, port)
        if not plain:
            raise Unknown(f"A name is empty: write {FORMS}.")
        if re.fullmatch(r"[0-9.]+", plain) and not is_address(plain):
            raise Unknown(
                f"{written!r} is no IPv4 address: write four numbers from 0 to 255, none with a "
                "leading 0."
            )
        if plain in LOCAL:
            return End(written, "127.0.0.1")
        if is_address(plain):
            return End(written, self.cluster.at(plain))
        if "/" in plain:
            return self._object(written, plain.split("/"), port)
        if "." in plain:
            return self._dns_name(written, plain.rstrip("."))
        return self._bare(written, plain, port)

    # --- forms

    def _object(self, written: str, parts: list[str], port: str) -> End:
        """KIND/NAME, NAMESPACE/NAME, KIND/NAMESPACE/NAME, NAMESPACE/KIND/NAME."""
        if len(parts) > 3 or not all(parts):
            raise Unknown(f"{written!r} is not understood: write {FORMS}.")
        if len(parts) == 3:
            first, second, name = parts
            if _is_kind(second) and not _is_kind(first):
                first, second = second, first
            if not _is_kind(first):
                raise Unknown(f"{written!r}: {first!r} is no kind; write {FORMS}.")
            return self._of_kind(written, first, second, name)
        first, name = parts
        if not _is_kind(first) or self._has(first, name):
            return self._either(written, first, name, port)
        if not self.namespace:
            raise Unknown(
                f"{written!r} names no namespace: write {first}/NAMESPACE/{name}, or give -n."
            )
        return self._of_kind(written, first, self.namespace, name)

    def _has(self, namespace: str, name: str) -> bool:
        """Whether what looks like a kind is a namespace in which there is such a thing."""
        return bool(self._pod(namespace, name) or self.cluster.service(namespace, name))

    def _of_kind(self, written: str, kind: str, namespace: str, name: str) -> End:
        kind = kind.lower()
        if kind in SERVICES:
            found: PodRow | ServiceRow | None = self.cluster.service(namespace, name)
            return self._end(written, found, "services", namespace)
        if kind in PODS:
            found = self._pod(namespace, name)
        else:
            found = self._pod(namespace, name, WORKLOADS[kind])
        return self._end(written, found, "pods", namespace)

    def _either(self, written: str, namespace: str, name: str, port: str) -> End:
        pod, service = self._pod(namespace, name), self.cluster.service(namespace, name)
        chosen = _chosen(pod, service, name, port)
        kind = "pods" if self.cluster.blind.at("pods", namespace) else "services"
        return self._end(written, chosen, kind, namespace)

    def _bare(self, written: str, name: str, port: str) -> End:
        """A name in DNS, as a pod of the namespace would look it up; with an explicit namespace
        an object."""
        if not self.namespace:
            raise Unknown(f"{written!r} names no namespace: write {FORMS}.")
        end = self._either(written, self.namespace, name, port)
        if isinstance(end.row, ServiceRow) and not self.explicit:
            return End(written, end.row, dns_name=name)
        return end

    def _dns_name(self, written: str, name: str) -> End:
        """NAME.NAMESPACE[.svc[.DOMAIN]], else a name outside of the cluster."""
        labels = name.split(".")
        in_cluster = len(labels) == 2 or labels[2:3] == ["svc"]
        service = self.cluster.service(labels[1], labels[0]) if in_cluster else None
        if service is not None:
            return End(written, service, dns_name=name)
        pod = self._pod_of_headless(labels)
        if pod is not None:
            return End(written, pod, dns_name=name)
        of_cluster = "svc" in labels[2:4]
        if not of_cluster and (len(labels) != 2 or labels[1] not in self._namespaces()):
            return End(written, name, dns_name=name)
        return self._end(written, None, "services", labels[-2] if len(labels) == 2 else labels[1])

    def _namespaces(self) -> set[str]:
        known = {row.name for row in self.cluster.namespaces}
        known |= {row.namespace for row in self.cluster.pods}
        return known | {row.namespace for row in self.cluster.services}

    def _pod_of_headless(self, labels: list[str]) -> PodRow | None:
        """POD.SERVICE.NAMESPACE.svc of a StatefulSet."""
        if labels[3:4] != ["svc"]:
            return None
        return self._pod(labels[2], labels[0])

    # --- rows

    def _end(self, written: str, row: PodRow | ServiceRow | None, kind: str, namespace: str) -> End:
        if row is not None:
            return End(written, row)
        if why := self.cluster.blind.why(kind, namespace):
            return End(written, written, unseen=f"{written} could not be looked for: {why}")
        raise Unknown(f"There is no pod or Service {written!r}: name it as {FORMS}.")

    def _pod(self, namespace: str, name: str, kind: str = "") -> PodRow | None:
        own = [pod for pod in self.cluster.pods if pod.namespace == namespace]
        if not kind:
            exact = next((pod for pod in own if pod.name == name), None)
            if exact is not None:
                return exact
        made = [pod for pod in own if _is_of(pod, name, kind)]
        return next((pod for pod in made if not pod.ended), next(iter(made), None))


def _is_of(pod: PodRow, name: str, kind: str) -> bool:
    owner, _, owned_by = pod.workload.partition("/")
    return owned_by == name and kind in ("", owner)


def _is_kind(text: str) -> bool:
    return text.lower() in (*PODS, *SERVICES, *WORKLOADS)


def _chosen(
    pod: PodRow | None, service: ServiceRow | None, name: str, port: str
) -> PodRow | ServiceRow | None:
    """Of a pod and a Service of one name the pod where it is called so itself; else by the port."""
    if pod is None or service is None or (pod.uid and pod.name == name):
        return pod or service
    declared = any(port in (str(p.number), p.name) for p in pod.ports)
    served = any(port in (str(p.number), p.name) for p in service.targets)
    return service if port and served and not declared else pod


def _plain(text: str, port: str) -> str:
    """Without what surrounds an address or a host: brackets, a URL's scheme and path, a /32."""
    if "://" in text:
        return _host_of_url(text, port)
    if text.startswith("["):
        return _bracketed(text)
    host, slash, _ = text.partition("/")
    if slash and is_address(host):
        return _single_address(text)
    if ":" in text and not is_address(text):
        host, _, number = text.rpartition(":")
        raise Unknown(f"{text!r} has a port in it: write {host or 'the host'} and --port {number}.")
    return text


def _host_of_url(text: str, port: str) -> str:
    try:
        url = urlsplit(text)
        host, number = url.hostname or "", url.port
    except ValueError:
        host, number = "", None
    if not host:
        raise Unknown(f"{text!r} is no URL with a host: write {FORMS}.")
    wanted = str(number) if number else PORTS.get(url.scheme, "")
    if port and wanted and port.isdecimal() and port != wanted:
        raise Unknown(
            f"{text!r} is of port {wanted}, and --port says {port}: give --port {wanted}."
        )
    return host


def _bracketed(text: str) -> str:
    inner, closed, rest = text[1:].partition("]")
    if not closed or not is_address(inner):
        raise Unknown(f"{text!r} is no address in brackets: write [2001:db8::1].")
    if rest:
        raise Unknown(f"{text!r} has a port in it: write [{inner}] and --port {rest.lstrip(':')}.")
    return inner


def _single_address(text: str) -> str:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise Unknown(f"{text!r} is no address: write one without a prefix length.") from None
    if network.num_addresses > 1:
        raise Unknown(
            f"{text!r} is a range of addresses, which may differ from one to the next: "
            f"give one of them, such as {text.partition('/')[0]}."
        )
    return str(network.network_address)
