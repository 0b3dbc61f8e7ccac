"""The path of a connection as the kernel and kube-proxy make it: name to Service, Service to
endpoints, endpoint to pod, with a verdict at every step. Pure, over rows of the inventory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from collectors.address_text import is_address
from collectors.events import ContainerPort, NodeRow, PodRow, ServicePort, ServiceRow
from diagnosis.reachability import (
    dns_path,
    node_path,
    service_path,
    shared_addresses,
    special_addresses,
)
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.deliveries import Delivery, PathStep, PathVerdict, judged, stopped
from diagnosis.reachability.end_names import End, EndRow
from diagnosis.reachability.parties import Party, family, no_common_family, over, port_number
from diagnosis.reachability.verdicts import combined
from diagnosis.reachability.workload_pairs import PairAnswer, merged, pairs
from diagnosis.reachability.written_ends import Unknown

Source = PodRow | NodeRow | str


def ask(
    cluster: ClusterState, source: Source, destination: EndRow, *, port: str, protocol: str
) -> PathVerdict:
    """`port` is a number, or the name of a port of the destination, whose `protocol` is that of
    the name where it is ''. Addresses outside are strings."""
    return ask_ends(cluster, End("", source), End("", destination), port=port, protocol=protocol)


def ask_ends(
    cluster: ClusterState, source: End, destination: End, *, port: str, protocol: str
) -> PathVerdict:
    """The same of ends as they were named: a destination given by its name asks for DNS, too, and
    of a workload each pod is asked."""
    asked = pairs(cluster, source, destination)
    found = [
        PairAnswer(one, other, _ask_one(cluster, one, other, port=port, protocol=protocol))
        for one, other in asked.each()
    ]
    return merged(asked, found)


def _ask_one(
    cluster: ClusterState, source: End, destination: End, *, port: str, protocol: str
) -> PathVerdict:
    if isinstance(source.row, ServiceRow):
        raise Unknown(
            f"{source.text} is a Service: only a pod or an address opens connections. Name a pod, "
            "such as deploy/NAME."
        )
    if is_address(str(source.row)) and (no := special_addresses.why_no_source(str(source.row))):
        raise Unknown(f"{source.text or source.row} is {no}.")
    if reason := source.unseen or destination.unseen:
        return PathVerdict.unknown((reason,))
    if (closed := _closed_source(source.row)) is not None:
        return closed
    if destination.missing:
        step = PathStep(f"DNS {destination.dns_name}", "stops", destination.missing)
        return stopped(step)
    origins = _origins(cluster, source.row)
    protocol = protocol or _protocol_of(destination.row, port)
    if destination.address:
        at = shared_addresses.at_port(cluster, destination.address, port, protocol)
        if isinstance(at, PathVerdict):
            return at
        destination = replace(destination, row=destination.row if at is None else at)
    name = destination.dns_name or dns_path.external_name(destination.row)
    answers = []
    for origin in origins:
        answer = _Question(cluster, origin, port, protocol).to(destination.row)
        if destination.aliased:
            said = f"{destination.address}, by hostAliases of {origin.name}: DNS is not asked"
            answer = answer.after(PathStep(f"name {destination.aliased}", "ok", said))
        elif name:
            asked = dns_path.LookedUp(name, dns_path.is_of_cluster(cluster, destination.row, name))
            answer = _with_lookup(dns_path.lookup(cluster, origin, source.row, asked), answer)
        answers.append((origin, answer))
    return whichever(origins[0].name, answers)


def _protocol_of(row: EndRow, name: str) -> str:
    """That of a port by its name; TCP where several have it, or none."""
    ports: Sequence[ServicePort | ContainerPort] = ()
    if isinstance(row, ServiceRow):
        ports = row.targets
    elif isinstance(row, PodRow):
        ports = row.ports
    found = [one.protocol for one in ports if one.name == name]
    return found[0] if found and "TCP" not in found else "TCP"


def whichever(name: str, answers: Sequence[tuple[Party, PathVerdict]]) -> PathVerdict:
    """One answer of those by each of a node's addresses."""
    first = answers[0][1]
    if len({answer.verdict for _, answer in answers}) == 1:
        return first
    each = ", ".join(f"{', '.join(p.ips)}: {answer.verdict}" for p, answer in answers)
    reason = f"it depends on which address of {name} is used ({each}): give one of them"
    return PathVerdict.unknown((reason,), first.path)


def _closed_source(source: Source) -> PathVerdict | None:
    """A pod that opens no connections."""
    if not isinstance(source, PodRow):
        return None
    name = f"pod {source.namespace}/{source.name}"
    if source.ended:
        return stopped(PathStep(name, "stops", f"it has ended: {source.phase}"))
    if source.absent:
        reason = f"{source.absent}, so that no pod opens connections"
        return stopped(PathStep(source.workload, "stops", reason))
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
        share=answer.share if lookup.verdict == "allowed" else "",
        decided_by=deciding.decided_by,
        path=(*lookup.path, *answer.path),
        unknown_because=tuple(dict.fromkeys(because)) if verdict == "unknown" else (),
    )


class _Question:
    """One source and port, asked of a destination."""

    def __init__(self, cluster: ClusterState, origin: Party, port: str, protocol: str):
        self.cluster = cluster
        self.port, self.protocol = port, protocol
        self.origin = origin

    def to(self, destination: EndRow) -> PathVerdict:
        if isinstance(destination, ServiceRow):
            return self._to_service(destination)
        if isinstance(destination, PodRow):
            return self._to_pod(destination)
        if not self.port.isdecimal():
            raise Unknown(
                "A node or an address has no named ports: give --port as a number, not "
                f"{self.port!r}."
            )
        if isinstance(destination, NodeRow):
            parties = self.cluster.node_parties(destination.name)
            return whichever(destination.name, [(p, self._to_node(p)) for p in parties])
        if not is_address(destination):
            return self._outside_by_name(destination, ())
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
        if pod.absent:
            return stopped(
                PathStep(pod.workload, "stops", f"{pod.absent}, so that there is no pod")
            )
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
        services = self.cluster.blind.why("services")
        return judged(
            self.cluster,
            tuple(steps),
            [Delivery.plain(self.origin, end, int(self.port), self.protocol)],
            because=(f"{name} may be a load balancer's: {services}",) if services else (),
        )

    def _to_address(self, address: str) -> PathVerdict:
        if special_addresses.is_own(address):
            return self._to_itself(address)
        if reason := self.cluster.redirect((address,), int(self.port), self.protocol, None):
            return PathVerdict.unknown((reason,))
        end = self.cluster.address_party(address)
        if no := no_common_family(self.origin, end):
            return stopped(PathStep(address, "stops", no))
        if end.host:
            return self._to_node(end)
        if group := special_addresses.group_of(address):
            return self._to_group(end, group)
        return self._outside(end)

    def _to_itself(self, address: str) -> PathVerdict:
        """On the host's network it is the node, of which a hostPort may have the address."""
        node = replace(self.origin, ips=("127.0.0.1",), name=f"node/{self.origin.node}")
        translated = None
        if self.origin.host and self.origin.node:
            translated = node_path.at_node(
                self.cluster, self.origin, node, number=int(self.port), protocol=self.protocol
            )
        step = PathStep(address, "ok", special_addresses.own_reason(address))
        return translated or PathVerdict("allowed", False, None, (step,))

    def _to_node(self, end: Party) -> PathVerdict:
        """By one of its addresses, or by all of them."""
        number = int(self.port)
        if (reason := node_path.unseen_at(self.cluster, end)) and end.ips:
            return PathVerdict.unknown((reason,))
        translated = node_path.at_node(
            self.cluster, self.origin, end, number=number, protocol=self.protocol
        )
        if translated is not None:
            return translated
        return judged(
            self.cluster,
            (),
            [Delivery.plain(self.origin, end, number, self.protocol)],
            after=node_path.listens_itself(self.cluster, end, number, self.protocol),
        )

    def _to_group(self, end: Party, group: str) -> PathVerdict:
        if self.protocol in special_addresses.NO_GROUP_OF:
            reason = f"{group}: {self.protocol} has no connections with a group"
            return stopped(PathStep(end.name, "stops", reason))
        delivery = Delivery.plain(self.origin, end, int(self.port), self.protocol)
        because = f"{end.name} is {group}, and whether the plugin forwards that is not known"
        return judged(self.cluster, (), [delivery], because=(because,))

    def _outside(self, end: Party) -> PathVerdict:
        address = end.ips[0]
        services = self.cluster.blind.why("services")
        note = special_addresses.note(address)
        because = [f"{address} may be a Service's: {services}"] if services else []
        because += node_path.may_be_node_port(
            self.cluster, address, number=int(self.port), protocol=self.protocol
        )
        return judged(
            self.cluster,
            (),
            [Delivery.plain(self.origin, end, int(self.port), self.protocol)],
            after=(PathStep(end.name, "note", note),) if note else (),
            because=because,
        )


def _origins(cluster: ClusterState, source: Source) -> Sequence[Party]:
    if isinstance(source, PodRow):
        return [cluster.party(source)]
    if isinstance(source, NodeRow):
        return cluster.node_parties(source.name)
    return [cluster.address_party(source) if is_address(source) else Party(source)]
