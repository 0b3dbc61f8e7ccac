"""The path of a connection as the kernel and kube-proxy make it: name to Service, Service to
endpoints, endpoint to pod, with a verdict at every step. Pure, over rows of the inventory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from collectors.events import PodRow, ServiceRow
from diagnosis.reachability import dns_path, node_path, service_path
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.deliveries import Delivery, PathStep, PathVerdict, judged, stopped
from diagnosis.reachability.end_names import (
    End,
    Unknown,
    is_address,
)
from diagnosis.reachability.parties import Party, family, no_common_family, over, port_number
from diagnosis.reachability.verdicts import combined

Row = PodRow | ServiceRow | str


def ask(
    cluster: ClusterState, source: PodRow | str, destination: Row, *, port: str, protocol: str
) -> PathVerdict:
    """`port` is a number, or the name of a port of the destination. Addresses outside are
    strings."""
    return ask_ends(cluster, End("", source), End("", destination), port=port, protocol=protocol)


def ask_ends(
    cluster: ClusterState, source: End, destination: End, *, port: str, protocol: str
) -> PathVerdict:
    """The same of ends as they were named: a destination given by its name asks for DNS, too."""
    if isinstance(source.row, ServiceRow):
        raise Unknown(
            f"{source.text} is a Service: only a pod or an address opens connections. Name a pod, "
            "such as deploy/NAME."
        )
    if reason := source.unseen or destination.unseen:
        return PathVerdict.unknown((reason,))
    if (closed := _closed_source(source.row)) is not None:
        return closed
    question = _Question(cluster, source.row, port, protocol)
    answer = question.to(destination.row)
    name = destination.dns_name or dns_path.external_name(destination.row)
    if not name:
        return answer
    lookup = dns_path.lookup(cluster, question.origin, source.row, name)
    return _with_lookup(lookup, answer)


def _closed_source(source: PodRow | str) -> PathVerdict | None:
    """A pod that opens no connections."""
    if not isinstance(source, PodRow):
        return None
    name = f"pod {source.namespace}/{source.name}"
    if source.ended:
        return stopped(PathStep(name, "stops", f"it has ended: {source.phase}"))
    if source.replicas == 0:
        return stopped(PathStep(source.workload, "stops", "replicas: 0, no pod opens connections"))
    return None


def _with_lookup(lookup: PathVerdict, answer: PathVerdict) -> PathVerdict:
    """A connection by name needs both."""
    verdict = combined(lookup.verdict, answer.verdict)
    deciding = answer if lookup.verdict == "allowed" else lookup
    if answer.verdict == "denied" and lookup.verdict != "denied":
        deciding = answer
    because = (*lookup.unknown_because, *answer.unknown_because)
    return PathVerdict(
        verdict=verdict,
        partly=answer.partly and lookup.verdict == "allowed",
        decided_by=deciding.decided_by,
        path=(*lookup.path, *answer.path),
        unknown_because=tuple(dict.fromkeys(because)) if verdict == "unknown" else (),
    )


class _Question:
    """One source and port, asked of a destination."""

    def __init__(self, cluster: ClusterState, source: PodRow | str, port: str, protocol: str):
        self.cluster = cluster
        self.port, self.protocol = port, protocol
        self.source = source
        self.origin = _party(cluster, source)

    def to(self, destination: Row) -> PathVerdict:
        if isinstance(destination, ServiceRow):
            return self._to_service(destination)
        if isinstance(destination, PodRow):
            return self._to_pod(destination)
        if not self.port.isdecimal():
            raise Unknown(
                f"An address has no named ports: give --port as a number, not {self.port!r}."
            )
        if is_address(destination) and ip_address(destination).is_loopback:
            reason = "loopback is never policed: it is the network namespace of the source itself"
            return PathVerdict("allowed", False, None, (PathStep(destination, "ok", reason),))
        return self._to_address(destination)

    # --- pods

    def _to_pod(self, pod: PodRow) -> PathVerdict:
        name = f"{pod.namespace}/{pod.name}"
        number = port_number(pod, self.port, self.protocol)
        if pod.ended:
            return stopped(PathStep(f"pod {name}", "stops", f"it has ended: {pod.phase}"))
        if pod.phase == "Pending" and not (pod.ip or pod.ips):
            reason = "it is Pending and has no address yet"
            return stopped(PathStep(f"pod {name}", "stops", reason))
        if pod.replicas == 0:
            return stopped(PathStep(pod.workload, "stops", "replicas: 0, there is no pod"))
        if number is None:
            reason = f"no container of {name} names a port {self.port}"
            return stopped(PathStep(f"port {self.port}", "stops", reason))
        end = self.cluster.party(pod)
        delivery = Delivery.plain(self.origin, end, number, self.protocol)
        return judged(self.cluster, (), [delivery], after=tuple(self._pod_notes(pod, end, number)))

    def _pod_notes(self, pod: PodRow, end: Party, number: int) -> Iterator[PathStep]:
        yield from self._other_family(end, number)
        name = f"pod {end.name}"
        if pod.uid and not pod.ip:
            yield PathStep(name, "note", f"it has no address yet: {pod.phase}")
        elif pod.phase == "Terminating":
            yield PathStep(name, "note", "it is terminating: it may stop listening at any moment")

    def _other_family(self, end: Party, number: int) -> Iterator[PathStep]:
        """What is said of the family that was not chosen, where both ends have two and it
        differs."""
        chosen = family(self.origin, end)
        if chosen is None:
            return
        other = over(self.origin, not chosen), over(end, not chosen)
        if not other[0].ips or not other[1].ips:
            return
        policies = self.cluster.policies
        first = policies.verdict(self.origin, end, number, self.protocol)
        second = policies.verdict(*other, number, self.protocol)
        if first.verdict != second.verdict:
            word = {"denied": "not allowed"}.get(second.verdict, second.verdict)
            name = "IPv4" if chosen else "IPv6"
            yield PathStep(f"over {name}", "note", f"{word}: {second.decided_by.reason}")

    # --- Services and addresses

    def _to_service(self, service: ServiceRow) -> PathVerdict:
        followed = service_path.followed(self.cluster, service)
        if isinstance(followed, str):
            steps = (service_path.external_step(service, followed),)
            if is_address(followed):
                reason = f"{followed} is an address: as a CNAME no resolver follows it"
                return stopped(*steps, PathStep("ExternalName", "stops", reason))
            return self._outside_by_name(followed, steps)
        if isinstance(followed, PathVerdict):
            return followed
        answer = service_path.through(
            self.cluster, self.origin, followed, port=self.port, protocol=self.protocol
        )
        if followed is service:
            return answer
        step = service_path.external_step(service, f"Service {followed.namespace}/{followed.name}")
        return answer.after(step)

    def _outside_by_name(self, name: str, steps: Sequence[PathStep]) -> PathVerdict:
        """What a name outside of the cluster stands for is not known here."""
        if not self.port.isdecimal():
            raise Unknown(f"{name} has no named ports: give --port as a number.")
        end = Party(name)
        delivery = Delivery.plain(self.origin, end, int(self.port), self.protocol)
        return judged(self.cluster, tuple(steps), [delivery])

    def _to_address(self, address: str) -> PathVerdict:
        if not is_address(address):
            return self._outside_by_name(address, ())
        end, number = self.cluster.address_party(address), int(self.port)
        if no := no_common_family(self.origin, end):
            return stopped(PathStep(address, "stops", no))
        if (reason := node_path.unseen_at(self.cluster, end)) and end.ips:
            return PathVerdict.unknown((reason,))
        translated = node_path.at_node(
            self.cluster, self.origin, end, number=number, protocol=self.protocol
        )
        if translated is not None:
            return translated
        services = "" if end.in_cluster else self.cluster.blind.why("services")
        return judged(
            self.cluster,
            (),
            [Delivery.plain(self.origin, end, number, self.protocol)],
            because=(f"{address} may be a Service's: {services}",) if services else (),
        )


def _party(cluster: ClusterState, source: PodRow | str) -> Party:
    if isinstance(source, PodRow):
        return cluster.party(source)
    return cluster.address_party(source) if is_address(source) else Party(source)
