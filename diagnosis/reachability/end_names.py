"""What people write for an end of a connection: deploy/x, ns/pod, svc/ns/x, node/x, a name in DNS,
an address, a URL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from collectors.address_text import is_address
from collectors.events import NodeRow, PodRow, ServiceRow
from collectors.frozen import frozen
from diagnosis.reachability import dns_names, name_doubts
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.end_kinds import (
    GROUPS,
    NAMESPACE,
    NODE,
    POD,
    SERVICE,
    kind_of,
    short_name,
)
from diagnosis.reachability.special_addresses import canonical
from diagnosis.reachability.written_ends import FORMS, Unknown, check_port, written_end

SHOWN = 5  # names that a refusal lists
HASH = "pod-template-hash"  # with which the name of a Deployment's ReplicaSet ends
LOCAL = ("localhost", "localhost.localdomain")


EndRow = PodRow | ServiceRow | NodeRow | str


@frozen
class End:
    """An end that was named. `row` is an address, or a name outside of the cluster, where it is a
    text.

    `dns_name` is the name that a client would look up, '' for none. `unseen` says why an end
    could not be looked for, `missing` why a name has no answer in DNS. `pods` are all of the
    workload that was named; `row` is the first. `address` is the one that was given, '' for none;
    `aliased` the name of the source's hostAliases that stands for it.
    """

    text: str
    row: EndRow
    dns_name: str = ""
    unseen: str = ""
    missing: str = ""
    pods: tuple[PodRow, ...] = ()
    address: str = ""
    aliased: str = ""


class EndFinder:
    """Finds what a text names among the rows. A name alone is of `namespace`; `explicit` where a
    person said which. `aliases` are those of the pod that asks."""

    def __init__(
        self,
        cluster: ClusterState,
        namespace: str = "",
        *,
        explicit: bool = False,
        aliases: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.explicit = explicit
        self.aliases = dict(reversed(aliases))  # the first counts

    def find(self, text: str, port: str = "") -> End:
        """A pod's name may be that of its workload; where it is a Service's, too, the `port`
        says which is meant."""
        end = written_end(text)
        check_port(end, port)
        written, plain = end.text, end.plain
        if not plain:
            raise Unknown(f"A name is empty: write {FORMS}.")
        if re.fullmatch(r"[0-9.]+", plain) and not is_address(plain):
            raise Unknown(
                f"{written!r} is not an IPv4 address: write four numbers up to 255, none with a "
                "leading 0."
            )
        if plain in LOCAL:
            return End(written, "127.0.0.1")
        if own := self.aliases.get(plain.rstrip(".").lower()):
            return End(written, self.cluster.at(own), address=own, aliased=plain)
        if is_address(plain):
            address = canonical(plain)
            unseen = self.cluster.why_whose(address)
            return End(written, self.cluster.at(address), address=address, unseen=unseen)
        if "/" in plain:
            return self._object(written, plain.split("/"), port)
        if "." in plain:
            _check_dns_name(written, plain.rstrip("."))
            name_doubts.check_no_srv(written, plain.rstrip("."))
            return self._dns_name(written, plain.rstrip("."))
        return self._bare(written, plain, port)

    # --- forms

    def _object(self, written: str, parts: list[str], port: str) -> End:
        """KIND/NAME, NAMESPACE/NAME, KIND/NAMESPACE/NAME, NAMESPACE/KIND/NAME."""
        if len(parts) > 3 or not all(parts):
            raise Unknown(f"{written!r} is not understood: write {FORMS}.")
        if len(parts) == 3:
            return self._of_three(written, *parts)
        first, name = parts
        kind = kind_of(first)
        if kind and not self._has(first, name):
            return self._of_two(written, kind, name)
        if kind and self._has_here(kind, name):
            namespace = f"{name} of the namespace {first!r}"
            raise Unknown(
                f"{written!r} is both a {kind} and {namespace}: write {self._one(kind, name)} or "
                f"pod/{first}/{name}."
            )
        _check_namespace(written, first, name, there=self._has(first, name))
        return self._either(written, first, name, port)

    def _of_three(self, written: str, first: str, second: str, name: str) -> End:
        if kind_of(second) and not kind_of(first):
            first, second = second, first
        if first.lower() in NAMESPACE:
            raise Unknown(f"{written!r}: write {second}/{name}.")
        kind = kind_of(first)
        if not kind:
            raise Unknown(f"{written!r}: {first!r} is not a kind; write {FORMS}.")
        if kind == NODE:
            raise Unknown(f"{written!r}: a node has no namespace: write node/NAME.")
        return self._of_kind(written, kind, second, name)

    def _of_two(self, written: str, kind: str, name: str) -> End:
        if kind == NODE:
            return self._node(written, name)
        service, dot, place = name.partition(".")
        if kind == SERVICE and dot:  # as a name in DNS, for a Service's own has no dot
            namespace, _, rest = place.partition(".")
            if rest.split(".")[0] not in ("", "svc"):
                raise Unknown(f"{written!r} is not understood: write svc/NAME.NAMESPACE.")
            return self._of_kind(written, kind, namespace, service)
        if not self.namespace:
            raise Unknown(
                f"{written!r} names no namespace: write {short_name(kind)}/NAMESPACE/{name}, "
                "or give -n."
            )
        return self._of_kind(written, kind, self.namespace, name)

    def _has(self, namespace: str, name: str) -> bool:
        """Whether what looks like a kind is a namespace in which there is such a thing."""
        return bool(self._pods(namespace, name) or self.cluster.service(namespace, name))

    def _has_here(self, kind: str, name: str) -> bool:
        """Whether what looks like a namespace is a kind of which there is such a thing here."""
        if kind == NODE:
            return name in self.cluster.node_rows or name in self.cluster.node_names
        if kind == SERVICE:
            return self.cluster.service(self.namespace, name) is not None
        return bool(self._pods(self.namespace, name, "" if kind == POD else kind))

    def _one(self, kind: str, name: str) -> str:
        """As nothing else is written."""
        if kind == NODE:
            return "its address"
        return f"{short_name(kind)}/{self.namespace}/{name}"

    def _of_kind(self, written: str, kind: str, namespace: str, name: str) -> End:
        if kind == SERVICE:
            found = self.cluster.service(namespace, name)
            return self._end(written, found, "services", namespace)
        pods = self._pods(namespace, name, "" if kind == POD else kind)
        return self._end(written, next(iter(pods), None), "pods", namespace, pods)

    def _either(self, written: str, namespace: str, name: str, port: str) -> End:
        pods, service = self._pods(namespace, name), self.cluster.service(namespace, name)
        pod = next(iter(pods), None)
        if why := self._other_unseen(pod, service, name, port, namespace):
            kind = "svc" if pod is None else "pod"
            reason = f"which one {written} means is not known (or write {kind}/{namespace}/{name})"
            return End(written, written, unseen=f"{reason}: {why}")
        chosen = _chosen(pod, service, name, port)
        kind = "pods" if self.cluster.blind.at("pods", namespace) else "services"
        return self._end(written, chosen, kind, namespace, pods if chosen is pod else ())

    def _other_unseen(
        self, pod: PodRow | None, service: ServiceRow | None, name: str, port: str, namespace: str
    ) -> str:
        """Why it is not known whether a pod or a Service of that name is there beside the one that
        was found; '' where the other would not be chosen."""
        if pod is None and service is not None:
            return self.cluster.blind.why("pods", namespace)
        if pod is None or service is not None or _is_plainly(pod, name, port):
            return ""
        return self.cluster.blind.why("services", namespace)

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
        """A name under the cluster's domain or in its search list, else one outside."""
        labels = name.lower().split(".")
        if balanced := dns_names.balanced(self.cluster, name):
            return End(written, replace(balanced, ips=(name.lower(),)), dns_name=name)
        for reading in dns_names.readings(labels, self.namespace):
            if found := dns_names.resolved(self.cluster, reading):
                foreign = dns_names.foreign_domain(labels)
                return End(written, found.row, dns_name=name, missing=found.missing, unseen=foreign)
        if reason := name_doubts.why_unsure(self.cluster, labels, self.namespace):
            return End(written, name, dns_name=name, unseen=reason)
        if not self._is_of_cluster(labels):
            return End(written, name, dns_name=name)
        return self._unseen_name(written, labels[2 if labels[3:4] == ["svc"] else 1])

    def _unseen_name(self, written: str, namespace: str) -> End:
        kinds = ("services", "endpointslices", "pods")
        kind = next((k for k in kinds if self.cluster.blind.at(k, namespace)), kinds[0])
        return self._end(written, None, kind, namespace)

    def _is_of_cluster(self, labels: list[str]) -> bool:
        if "svc" in labels[2:4] or labels[2:3] == ["pod"]:
            return True
        return len(labels) == 2 and labels[1] in self._namespaces()

    def _namespaces(self) -> set[str]:
        known = {row.name for row in self.cluster.namespaces}
        known |= {row.namespace for row in self.cluster.pods}
        return known | {row.namespace for row in self.cluster.services}

    # --- rows

    def _node(self, written: str, name: str) -> End:
        """A node that is listed, or of which pods say that they run there."""
        if row := self.cluster.node_rows.get(name):
            return End(written, row)
        if name in self.cluster.node_names:
            return End(written, NodeRow(name, "", "", ready=True, os="", arch=""))
        if why := self.cluster.blind.why("nodes"):
            return End(written, written, unseen=f"{written} could not be looked for: {why}")
        known = ", ".join(self.cluster.node_names[:SHOWN]) or "none is among the objects"
        raise Unknown(f"There is no node {name!r}; known: {known}. Or give its address.")

    def _end(
        self,
        written: str,
        row: EndRow | None,
        kind: str,
        namespace: str,
        pods: tuple[PodRow, ...] = (),
    ) -> End:
        if row is not None:
            return End(written, row, pods=pods)
        if why := self.cluster.blind.why(kind, namespace):
            return End(written, written, unseen=f"{written} could not be looked for: {why}")
        name = written_end(written).plain.rpartition("/")[2]
        if kind == "services" and name_doubts.is_api(self.cluster, namespace, name):
            return End(written, written, unseen=name_doubts.API_UNSEEN)
        raise Unknown(self._nothing(written))

    def _nothing(self, written: str) -> str:
        """That there is no such end, with what has its name elsewhere."""
        name = written_end(written).plain.rpartition("/")[2]
        near = sorted(set(self._called(name)))[:SHOWN]
        if not near:
            return f"There is no pod or Service {written!r}: name it as {FORMS}."
        return f"There is no pod or Service {written!r}. Of that name: {', '.join(near)}."

    def _called(self, name: str) -> Iterator[str]:
        """Whatever has a name, as it would be written."""
        for row in self.cluster.services:
            if row.name == name:
                yield f"svc/{row.namespace}/{name}"
        for pod in self.cluster.pods:
            owner, _, owned_by = pod.workload.partition("/")
            if owned_by == name and owner in GROUPS:
                yield f"{short_name(owner)}/{pod.namespace}/{name}"
            elif pod.name == name:
                yield f"pod/{pod.namespace}/{name}"

    def _pods(self, namespace: str, name: str, kind: str = "") -> tuple[PodRow, ...]:
        """The pod of that name, or those of the workload: where they have not all ended those
        that have not."""
        own = [pod for pod in self.cluster.pods if pod.namespace == namespace]
        if not kind:
            exact = next((pod for pod in own if pod.name == name), None)
            if exact is not None:
                return (exact,)
        made = tuple(pod for pod in own if _is_of(pod, name, kind))
        return tuple(pod for pod in made if not pod.ended) or made[:1]


def aliases_of(source: End) -> Sequence[tuple[str, str]]:
    """The names of its own that a pod knows without DNS."""
    return source.row.host_aliases if isinstance(source.row, PodRow) else ()


def _check_dns_name(written: str, name: str) -> None:
    """Unknown for what no resolver is asked: inet_aton(3) reads 0x7f.1 as an address."""
    if re.fullmatch(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*", name, re.I):
        raise Unknown(f"{written!r} is not an IPv4 address: write four numbers from 0 to 255.")
    labels = name.split(".")
    if len(name) > 253 or not all(re.fullmatch(r"[A-Za-z0-9_-]{1,63}", one) for one in labels):
        form = "letters, digits and - between single dots, such as db.data"
        raise Unknown(f"{written!r} is not a name in DNS: write {form} (xn--… for other letters).")


def _is_of(pod: PodRow, name: str, kind: str) -> bool:
    """A Deployment's pods are those of its ReplicaSets, too, and a Job's may be a CronJob's."""
    owner, _, owned_by = pod.workload.partition("/")
    if owned_by == name and kind in ("", owner):
        return True
    base, _, suffix = name.rpartition("-")
    if (kind, owner) == ("ReplicaSet", "Deployment"):
        return owned_by == base and dict(pod.labels).get(HASH, suffix) == suffix
    base, _, suffix = owned_by.rpartition("-")
    return (kind, owner) == ("CronJob", "Job") and base == name and suffix.isdecimal()


def _check_namespace(written: str, first: str, name: str, *, there: bool) -> None:
    """Unknown where what stands before a name is no namespace, and is meant as another thing."""
    if first.lower() in NAMESPACE and not there:
        raise Unknown(
            f"{written!r}: a namespace is not an endpoint: name a pod or Service in it, "
            f"{name}/NAME."
        )
    if "." in first:
        raise Unknown(
            f"{written!r}: {first!r} is not a kind of endpoint (pods, Services, nodes, workloads)."
        )


def _chosen(
    pod: PodRow | None, service: ServiceRow | None, name: str, port: str
) -> PodRow | ServiceRow | None:
    """Of a pod and a Service of one name the pod where it is called so itself; else by the port."""
    if pod is None or service is None or _is_plainly(pod, name, port):
        return pod or service
    served = any(port in (str(p.number), p.name) for p in service.targets)
    return service if port and served else pod


def _is_plainly(pod: PodRow, name: str, port: str) -> bool:
    """Whether it is meant, whatever Service has its name."""
    own = bool(pod.uid) and pod.name == name
    return own or not port or any(port in (str(p.number), p.name) for p in pod.ports)
