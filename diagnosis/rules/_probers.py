"""Who asks ports that nothing declares: port scanners, and monitors whose list is out of date. What
they are refused is not a failure.

A port is promised, or declared, by a Service that leads there, by a node that translates to it,
rightly or not, or by a container. Where EndpointSlices are not known, every port is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from collectors.events import ServicePort, ServiceRow
from diagnosis.paths import End
from diagnosis.rule import CONVENTION, Threshold
from diagnosis.rules._service_paths import endpoints
from diagnosis.snapshot import Conversation, Snapshot

SCANNED = Threshold("a client of", 5, "such ports in 15 s is a scanner", CONVENTION)
PROBED = Threshold(
    "at a port that no Service or container declares: from", 30, "connections in 15 s", CONVENTION
)


def promised(snapshot: Snapshot) -> frozenset[End]:
    """Addresses and ports of Services, of their endpoints, ready or not, and of containers."""
    return frozenset((*_of_services(snapshot), *_translated(snapshot), *_of_containers(snapshot)))


def _of_services(snapshot: Snapshot) -> Iterator[End]:
    for service in snapshot.services:
        for port in service.targets:
            yield from _of_port(snapshot, service, port)
            yield from endpoints(snapshot, service, port)


def _of_port(snapshot: Snapshot, service: ServiceRow, port: ServicePort) -> Iterator[End]:
    """At the Service's addresses, and at the nodes'."""
    for address in (*service.ips, *service.outer_ips):
        yield address, port.number
    for address in snapshot.node_addresses if port.node_port else ():
        yield address, port.node_port


def _translated(snapshot: Snapshot) -> Iterator[End]:
    """Where nodes translate to, rightly or not."""
    for host in snapshot.hosts:
        for row in host.paths:
            if row.endpoint_end != row.asked_end:
                yield row.endpoint_end


def _of_containers(snapshot: Snapshot) -> Iterator[End]:
    for pod in snapshot.pods:
        for address in (pod.ip, *pod.ips):
            for port in pod.ports:
                yield address, port.number


def is_promised(ends: frozenset[End], snapshot: Snapshot, end: End) -> bool:
    """Of pods and addresses of the pod range alone: of what is outside nothing is known."""
    address, _ = end
    if not snapshot.slices:
        return True
    if address not in snapshot.by_address and address not in snapshot.node_addresses:
        return not snapshot.in_pod_range(address)
    return end in ends or (address, 0) in ends


def scanners(snapshot: Snapshot, ends: frozenset[End]) -> frozenset[str]:
    """Clients whose connections to many ports fail of which nothing declares any."""
    asked: defaultdict[str, set[End]] = defaultdict(set)
    for talk in snapshot.conversations:
        if (talk.refused or talk.unanswered) and not is_promised(ends, snapshot, talk.end):
            asked[talk.client].add(talk.end)
    return frozenset(client for client, many in asked.items() if len(many) >= SCANNED.value)


def is_probe(snapshot: Snapshot, talk: Conversation) -> bool:
    """The kubelet's, at a pod that is not ready: the probe itself says so."""
    pod = snapshot.by_address.get(talk.server)
    if pod is None or pod.all_ready or not pod.node:
        return False
    return snapshot.node_at(talk.client) == pod.node and talk.client not in snapshot.by_address


def not_of_scanners(snapshot: Snapshot, talks: Iterable[Conversation]) -> list[Conversation]:
    scanning = scanners(snapshot, promised(snapshot))
    return [talk for talk in talks if talk.client not in scanning]


def asked_in_earnest(
    snapshot: Snapshot, talks: Iterable[Conversation], count: Callable[[Conversation], int]
) -> list[Conversation]:
    """Without those of scanners, of the kubelet's probes, and few to a port that nobody
    promised."""
    ends = promised(snapshot)
    scanning = scanners(snapshot, ends)

    def is_meant(talk: Conversation) -> bool:
        if talk.client in scanning or is_probe(snapshot, talk):
            return False
        if talk.rejected or count(talk) >= PROBED.value:
            return True
        return is_promised(ends, snapshot, talk.end)

    return [talk for talk in talks if is_meant(talk)]
