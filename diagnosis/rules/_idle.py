"""Requests after pauses, of the vantage point that saw most, for the rules about idle
connections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from collectors.findings import Subject
from diagnosis.idle_requests import IdleConnections, IdleRequest
from diagnosis.path_groups import translated
from diagnosis.per_snapshot import once_per_snapshot
from diagnosis.rule import CONVENTION, Threshold
from diagnosis.rules._connections import node_of_unused
from diagnosis.snapshot import Conversation, Snapshot

LEAST = Threshold("at least", 3, "requests fail after a pause of 0.5 s and more", CONVENTION)
MOMENTS_S = 1.0  # apart: what happened once, as a restart, is no timeout


@once_per_snapshot
def idle_connections(snapshot: Snapshot) -> tuple[IdleConnections, ...]:
    best: dict[tuple[str, str, int], IdleConnections] = {}
    for view in snapshot.targets:
        for row in view.idle:
            key = (row.client, row.server, row.port)
            if key not in best or len(best[key].requests) < len(row.requests):
                best[key] = row
    asked = _asked(snapshot, best.values())
    return tuple(
        row
        for row in best.values()
        if row.server not in asked[row.client] and not _is_gone(snapshot, row)
    )


def _is_gone(snapshot: Snapshot, row: IdleConnections) -> bool:
    """Whether a pod at either end was deleted: that is what its connections ended with."""
    return any(node_of_unused(snapshot, end) for end in (row.client, row.server))


def _asked(snapshot: Snapshot, rows: Iterable[IdleConnections]) -> dict[str, set[str]]:
    """By client, the endpoints that it reaches by their Service: a node's capture has the same
    connections by both addresses, and they are one."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        seen = translated(snapshot, (row.server, row.port))
        found[row.client].update(address for address, _ in seen)
        if service := snapshot.service_by_address.get(row.server):
            ready, not_ready = snapshot.endpoints(service)
            found[row.client].update(ready, not_ready)
    return found


def subject(snapshot: Snapshot, row: IdleConnections) -> Subject:
    return snapshot.workload_subject(row.server, row.port)


def seconds(pause: float) -> str:
    return f"{pause:.1f} s" if pause < 10 else f"{pause:.0f} s"


def is_once(requests: Iterable[IdleRequest]) -> bool:
    """Whether all were at one moment."""
    at = [request.at for request in requests]
    return max(at) - min(at) < MOMENTS_S


def is_of(snapshot: Snapshot, row: IdleConnections, talk: Conversation) -> bool:
    """At the address that is asked, or at an endpoint of its Service."""
    service = snapshot.service_by_address.get(row.server)
    ends = {(row.server, row.port), *translated(snapshot, (row.server, row.port))}
    for one in snapshot.slices_behind(service) if service is not None else ():
        addresses = (*one.ready, *one.not_ready)
        ends |= {(address, port.number) for address in addresses for port in one.ports}
    return talk.client == row.client and talk.end in ends
