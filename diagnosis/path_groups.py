"""Rows of `diagnosis.paths` by what clients ask: one address and port, as one machine saw it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from collectors.events import ServiceRow
from collectors.frozen import frozen
from diagnosis.by_key import by_key
from diagnosis.paths import End, PathRow, added
from diagnosis.per_snapshot import once_per_snapshot
from diagnosis.snapshot import Snapshot, TargetView, listed

LEAST = 3  # connections


@frozen
class PathGroup:
    """Connections of one protocol to one address and port. `endpoints` are what the address stands
    for by its Service's EndpointSlices, ready and not, sorted; empty where it is no Service's or
    nobody knows."""

    view: TargetView
    asked: str
    port: int
    rows: tuple[PathRow, ...]
    service: ServiceRow | None = None
    ready: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()

    @property
    def end(self) -> End:
        return self.asked, self.port

    @property
    def by_endpoint(self) -> dict[str, PathRow]:
        """Added up; '' where no packet was seen to go to one."""
        rows = by_key(self.rows, lambda row: row.endpoint)
        return {endpoint: added(of) for endpoint, of in rows.items()}

    @property
    def stale(self) -> tuple[str, ...]:
        """Endpoints that are in no slice and where nothing answers."""
        if not self.endpoints:
            return ()
        known = {"", self.asked, *self.endpoints}
        rows = self.by_endpoint.items()
        return tuple(end for end, row in rows if end not in known and _is_dead(row))


def _is_dead(row: PathRow) -> bool:
    return row.failed >= LEAST and not row.completed


@once_per_snapshot
def all_path_groups(snapshot: Snapshot) -> list[PathGroup]:
    return [group for view in path_views(snapshot) for group in path_groups(snapshot, view)]


def translated(snapshot: Snapshot, asked: End) -> set[End]:
    """What captures saw an address and port translated to: objects need not be known for that.
    Two that are translated to each other are neither's."""
    known = _translations(snapshot)
    return {end for end in known.get(asked, ()) if asked not in known.get(end, ())}


def is_translated(snapshot: Snapshot, end: End) -> bool:
    """Whether captures saw something translated to that address and port."""
    return any(end in ends for ends in _translations(snapshot).values())


@once_per_snapshot
def _translations(snapshot: Snapshot) -> Mapping[End, frozenset[End]]:
    found = by_key(_translated_rows(snapshot), lambda row: row.asked_end)
    return {end: frozenset(row.endpoint_end for row in of) for end, of in found.items()}


@once_per_snapshot
def _translated_rows(snapshot: Snapshot) -> tuple[PathRow, ...]:
    """Of connections whose begin was seen: of others the first leg that was seen may be that of an
    answer."""
    views = (view for view in snapshot.targets if view.kind != "pod")
    rows = (row for view in views for row in view.paths if row.endpoint)
    begun = (row for row in rows if row.to_server.left.syn or row.protocol != "TCP")
    return tuple(row for row in begun if row.endpoint_end != row.asked_end)


def path_groups(snapshot: Snapshot, view: TargetView) -> Iterator[PathGroup]:
    """What can be compared: not of the machine's own ends, not where packets are handed on unseen
    (Cilium's eBPF)."""
    if any(row.name == "cilium" for row in snapshot.settings):
        return
    others = _others(snapshot, view)
    for (asked, port), rows in _by_server(snapshot, view).items():
        if asked in others or _is_passed_on(snapshot, asked, rows):
            yield grouped(snapshot, view, asked, port, rows)


def _by_server(snapshot: Snapshot, view: TargetView) -> dict[End, list[PathRow]]:
    tcp = (row for row in view.paths if row.protocol == "TCP")
    rows = (row for row in tcp if not row.one_sided or is_reset_in_transit(snapshot, row))
    return by_key(rows, lambda row: row.asked_end)


def is_reset_in_transit(snapshot: Snapshot, row: PathRow) -> bool:
    """Whether the machine answers with RSTs of its own what it translates and hands on: a rule
    does. An endpoint that is a machine's own address may be where nothing listens."""
    if not row.refused or row.to_server.left.total or row.to_client.entered.total:
        return False
    service = snapshot.service_by_address.get(row.asked)
    if service is None:
        return bool(translated(snapshot, row.asked_end))
    ready, not_ready = snapshot.endpoints(service)
    return bool(ready) and snapshot.node_addresses.isdisjoint((*ready, *not_ready))


def _is_passed_on(snapshot: Snapshot, asked: str, rows: Iterable[PathRow]) -> bool:
    """Whether the machine is to hand it on: what only comes in may be for itself."""
    if any(row.endpoint and row.endpoint != asked for row in rows):
        return True
    if asked in snapshot.service_by_address or asked in snapshot.by_address:
        return True
    return any(row.to_server.left.total for row in rows)


def _others(snapshot: Snapshot, view: TargetView) -> set[str]:
    """Addresses that are not the machine's own: it hands something on to them, what they send comes
    in, or another machine translates to them and they are not seen to be its own."""
    found = set[str]()
    for row in view.paths:
        if row.endpoint and row.to_server.left.total:
            found.add(row.endpoint)
        if row.to_server.entered.total and not row.one_sided:
            found.add(row.client)
    elsewhere = {row.endpoint for row in _translated_rows(snapshot)}
    return found | (elsewhere - set(_own(view)))


def _own(view: TargetView) -> Iterator[str]:
    """Addresses that the machine sends from."""
    for row in view.paths:
        if row.one_sided and row.to_server.left.total and not row.to_server.entered.total:
            yield row.client
        if row.one_sided and row.to_client.left.total and not row.to_client.entered.total:
            yield row.asked


def grouped(
    snapshot: Snapshot, view: TargetView, asked: str, port: int, rows: Iterable[PathRow]
) -> PathGroup:
    service = snapshot.service_by_address.get(asked)
    ready, not_ready = snapshot.endpoints(service) if service is not None else ([], [])
    return PathGroup(
        view=view,
        asked=asked,
        port=port,
        rows=tuple(rows),
        service=service,
        ready=tuple(sorted(set(ready))),
        endpoints=tuple(sorted({*ready, *not_ready})),
    )


def path_views(snapshot: Snapshot) -> list[TargetView]:
    """Machines that packets pass through, as far as they were captured there. Where a cluster is
    known, a node's counters must be: they may say why."""
    known = bool(snapshot.nodes or snapshot.pods)
    views = (view for view in snapshot.targets if view.paths and view.kind != "pod")
    return [view for view in views if view.values or view.kind == "pcap" or not known]


def node_text(view: TargetView) -> str:
    return view.name if view.kind in ("node", "local") else "the captured node"


def server_text(snapshot: Snapshot, group: PathGroup) -> str:
    return f"{snapshot.name(group.asked)}:{group.port}"


def endpoint_text(snapshot: Snapshot, address: str, port: int) -> str:
    """As a person finds it again: the pod's name and its address."""
    pod = snapshot.by_address.get(address)
    where = f"{address}:{port}" if port else address
    return f"{pod.namespace}/{pod.name} ({where})" if pod else where


def client_text(snapshot: Snapshot, rows: Iterable[PathRow]) -> str:
    return listed(snapshot.workload(row.client) for row in rows if row.client)
