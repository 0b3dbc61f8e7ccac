"""Requests that fail after pauses because the connection was forgotten on the path, and the node
whose conntrack does it."""

from __future__ import annotations

from collections.abc import Set

from collectors.frozen import frozen
from diagnosis.idle_requests import LOST, IdleConnections, IdleRequest
from diagnosis.per_snapshot import once_per_snapshot
from diagnosis.rule import CONVENTION, Threshold
from diagnosis.rules._idle import LEAST, idle_connections, is_once
from diagnosis.rules._service_paths import endpoints
from diagnosis.snapshot import Snapshot, TargetView

IDLE = Threshold("from", 0.5, "s of idle time", CONVENTION)
SHORTER = Threshold(
    "at least", 3, "requests after shorter pauses are answered meanwhile", CONVENTION
)
SHARE = Threshold("from", 25, "% of the requests after pauses so long fail", CONVENTION)
TIMEOUT = "net.netfilter.nf_conntrack_tcp_timeout_established"


@frozen
class IdleExpiry:
    """Requests of `row` that were `lost`, all after pauses of `limit` seconds and more; `node` is
    whose conntrack forgets so early, None where none is known to."""

    row: IdleConnections
    lost: tuple[IdleRequest, ...]
    limit: float
    node: TargetView | None


@once_per_snapshot
def idle_expiries(snapshot: Snapshot) -> tuple[IdleExpiry, ...]:
    found = (_expiry(snapshot, row) for row in idle_connections(snapshot))
    return tuple(one for one in found if one is not None)


def _expiry(snapshot: Snapshot, row: IdleConnections) -> IdleExpiry | None:
    lost = row.ended(*LOST)
    limit = min((request.pause for request in lost), default=0.0)
    if len(lost) < LEAST.value or limit < IDLE.value or not _depends_on_pauses(row, lost, limit):
        return None
    node = _forgetful(snapshot, row, limit)
    if node is None and _have_endpoints_changed(snapshot, row, lost):
        return None
    return IdleExpiry(row, lost, limit, node) if node or _is_again(lost) else None


def _have_endpoints_changed(
    snapshot: Snapshot, row: IdleConnections, lost: tuple[IdleRequest, ...]
) -> bool:
    """Whether pods of the server came or went while the connections were idle, as in a rollout,
    which ends them one after another."""
    since = min(one.at - one.pause for one in lost)
    service = snapshot.service_by_address.get(row.server)
    rows = snapshot.slices if service is None else snapshot.slices_behind(service)
    if service is None:
        rows = [one for one in rows if row.server in (*one.ready, *one.not_ready)]
    return any(one.changed > since for one in rows)


def _depends_on_pauses(row: IdleConnections, lost: tuple[IdleRequest, ...], limit: float) -> bool:
    """Whether requests after shorter pauses were answered meanwhile, and many after such pauses
    were not."""
    answered = row.ended("answered")
    shorter = [one for one in answered if one.pause < limit and one.at > lost[0].at]
    as_long = len(lost) + sum(one.pause >= limit for one in answered)
    return len(shorter) >= SHORTER.value and 100 * len(lost) >= SHARE.value * as_long


def _is_again(lost: tuple[IdleRequest, ...]) -> bool:
    """Whether a connection that was idle only since the first failure failed as well."""
    since = lost[0].at
    return not is_once(lost) and any(one.at - one.pause > since for one in lost)


def _forgetful(snapshot: Snapshot, row: IdleConnections, limit: float) -> TargetView | None:
    """A node on the path whose conntrack keeps idle connections no longer than that."""
    nodes = {snapshot.node_at(row.client), snapshot.node_at(row.server)}
    service = snapshot.service_by_address.get(row.server)
    for address in snapshot.endpoints(service)[0] if service else ():
        nodes.add(snapshot.node_at(address))
    for host in snapshot.hosts:
        timeout = host.sysctl(TIMEOUT)
        if host.name in nodes and timeout is not None and 0 < timeout <= limit + 1:
            return host
    return None


def is_forgotten(snapshot: Snapshot, ends: Set[tuple[str, int]]) -> bool:
    """Whether requests to these addresses and ports failed only after pauses that are longer than
    a node of the path remembers, which forgets other connections too."""
    nodes = {one.node.name for one in idle_expiries(snapshot) if one.node}
    for row in idle_connections(snapshot) if nodes else ():
        lost = row.ended(*LOST)
        if lost and ends & _ends(snapshot, row):
            node = _forgetful(snapshot, row, min(one.pause for one in lost))
            if node is not None and node.name in nodes:
                return True
    return False


def _ends(snapshot: Snapshot, row: IdleConnections) -> set[tuple[str, int]]:
    """Where a row's requests go: what was asked, and its endpoints."""
    service = snapshot.service_by_address.get(row.server)
    ports = service.targets if service is not None else ()
    behind = (
        end
        for port in ports
        if service is not None and port.number == row.port
        for end in endpoints(snapshot, service, port)
    )
    return {(row.server, row.port), *behind}
