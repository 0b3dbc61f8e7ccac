"""Where nodes send what asks a Service, by what captures there saw, beside its EndpointSlices.

Only of nodes whose captures see translations: eBPF translates unseen. Where a slice was written a
moment ago, connections from before are still on their path: nothing is concluded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collectors.events import ServicePort, ServiceRow
from collectors.frozen import frozen
from collectors.objects import SliceRow
from diagnosis.paths import End, PathRow
from diagnosis.per_snapshot import once_per_snapshot
from diagnosis.rule import CONVENTION, Threshold
from diagnosis.snapshot import WINDOW_S, Snapshot, TargetView

LEAST = Threshold("at least", 3, "connections in 15 s", CONVENTION)
SINCE = Threshold("of Services whose EndpointSlices are older than", WINDOW_S + 10, "s", CONVENTION)
Asked = Mapping[tuple[str, int, str], tuple[ServiceRow, ServicePort]]


@frozen
class ServicePath:
    """What a node makes of connections to one port of a Service. `current` is False where the
    endpoint is in none of its slices, or the address is left as it is."""

    host: TargetView
    service: ServiceRow
    port: ServicePort
    row: PathRow
    current: bool

    @property
    def endpoint(self) -> str:
        return f"{self.row.endpoint}:{self.row.endpoint_port}"

    @property
    def untranslated(self) -> bool:
        return self.row.endpoint_end == self.row.asked_end


@once_per_snapshot
def service_paths(snapshot: Snapshot) -> tuple[ServicePath, ...]:
    """Of Services that have a ready endpoint."""
    return tuple(_service_paths(snapshot))


def _service_paths(snapshot: Snapshot) -> Iterator[ServicePath]:
    if not snapshot.slices or _is_translated_unseen(snapshot):
        return
    asked = asked_services(snapshot)
    for host in snapshot.hosts:
        for row in host.paths:
            found = asked.get((row.asked, row.asked_port, row.protocol))
            if found is not None and row.endpoint:
                yield from _path(snapshot, host, row, found)


def _path(
    snapshot: Snapshot, host: TargetView, row: PathRow, found: tuple[ServiceRow, ServicePort]
) -> Iterator[ServicePath]:
    service, port = found
    ready, _ = snapshot.endpoints(service)
    if not ready:
        return
    known = set(endpoints(snapshot, service, port))
    current = row.endpoint_end in known or (row.endpoint, 0) in known
    yield ServicePath(host, service, port, row, current)


def is_stale(snapshot: Snapshot, path: ServicePath) -> bool:
    """Whether a node's rule for a Service leads where it should not."""
    if path.current or _begun(path.row) < LEAST.value or is_fresh(snapshot, path.service):
        return False
    if path.untranslated:
        return _is_unanswered(path.row) and not _is_for_another(snapshot, path)
    return path.row.protocol == "TCP" or not _reaches_all(snapshot, path)


def _is_for_another(snapshot: Snapshot, path: ServicePath) -> bool:
    """Whether others translate what is asked: a node port of another node that node, an address of
    a load balancer that is to pass all (ipMode Proxy) the balancer."""
    asked = path.row.asked
    if asked in path.service.proxied_ips:
        return True
    node = snapshot.node_at(asked)
    return bool(node) and node != path.host.node


def _reaches_all(snapshot: Snapshot, path: ServicePath) -> bool:
    """Whether what the node has for a Service leads to each of its endpoints: its rules are those
    of today, and entries of conntrack, which UDP keeps, lead elsewhere."""
    ready, _ = snapshot.endpoints(path.service)
    of_port = (path.host, path.service, path.port)
    reached = {
        one.row.endpoint
        for one in service_paths(snapshot)
        if (one.host, one.service, one.port) == of_port and one.current
    }
    return reached >= set(ready)


def _is_unanswered(row: PathRow) -> bool:
    """A resolver on the node itself has the Service's address, and answers."""
    return not row.completed and not row.one_sided


def _begun(row: PathRow) -> int:
    """Connections of these seconds: one that was open before stays with its endpoint, whatever the
    Service's endpoints have become."""
    if row.protocol != "TCP":
        return row.connections
    sent = max(row.to_server.entered.syn, row.to_server.left.syn)
    return min(row.connections, sent)


def stale_endpoints(snapshot: Snapshot) -> set[End]:
    """Where stale rules of nodes lead."""
    paths = service_paths(snapshot)
    return {path.row.endpoint_end for path in paths if is_stale(snapshot, path)}


def is_fresh(snapshot: Snapshot, service: ServiceRow) -> bool:
    """Whether one of its slices was written a moment ago."""
    rows = snapshot.slices_behind(service)
    return any(snapshot.at - row.changed < SINCE.value for row in rows)


def endpoints(snapshot: Snapshot, service: ServiceRow, port: ServicePort) -> Iterator[End]:
    """(address, port) of all endpoints of a port, ready or not; port 0 where it is not said."""
    for row in snapshot.slices_behind(service):
        for address in (*row.ready, *row.not_ready):
            for number in _numbers(row, port) or [0]:
                yield address, number


def _numbers(row: SliceRow, port: ServicePort) -> list[int]:
    wanted = (port.name, port.protocol)
    return [own.number for own in row.ports if (own.name, own.protocol) == wanted]


def endpoint_of(snapshot: Snapshot, address: str, port: int) -> list[str]:
    """The Services, of those that connections to this endpoint asked for, whose endpoint it is. Of
    all Services where no capture shows which was asked."""
    seen = [
        path
        for path in service_paths(snapshot)
        if (path.row.endpoint, path.row.endpoint_port) == (address, port)
    ]
    if seen:
        return sorted({_text(path.service) for path in seen if path.current})
    return sorted(
        _text(service)
        for service in snapshot.services
        for target in service.targets
        if (address, port) in set(endpoints(snapshot, service, target))
    )


def _text(service: ServiceRow) -> str:
    return f"svc/{service.namespace}/{service.name}"


@once_per_snapshot
def asked_services(snapshot: Snapshot) -> Asked:
    """Services by the addresses and ports that they are asked at: node ports, too."""
    nodes = {address for node in snapshot.nodes for address in (node.address, *node.addresses)}
    found: dict[tuple[str, int, str], tuple[ServiceRow, ServicePort]] = {}
    for service in snapshot.services:
        for port in service.targets:
            for address in (*service.ips, *service.outer_ips):
                found[address, port.number, port.protocol] = service, port
            for address in nodes if port.node_port else ():
                found[address, port.node_port, port.protocol] = service, port
    return found


def _is_translated_unseen(snapshot: Snapshot) -> bool:
    return bool(snapshot.setting("cilium")) or (
        snapshot.setting("calico felix").get("bpfEnabled") == "true"
    )
