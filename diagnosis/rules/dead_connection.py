"""Connections that are open to an endpoint that is gone: nobody answers, and nobody says so.

The pod ended without a FIN or RST (its node was lost, its interface went first); what the client
sends is retransmitted for 15 minutes or so (tcp(7), tcp_retries2). New connections are well.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from collectors.events import ConntrackGroup, ServiceRow
from collectors.findings import Evidence, Finding, Subject
from collectors.frozen import frozen
from diagnosis.by_key import by_key
from diagnosis.paths import End
from diagnosis.per_snapshot import once_per_snapshot
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._connections import node_of_unused
from diagnosis.snapshot import Conversation, Snapshot, TargetView, listed

BACKOFF = Threshold("from", 4, "doublings of the RTO in a row without an answer", CONVENTION)
GONE = Threshold("of endpoints that are gone for", 20, "s or longer", CONVENTION)
RULE = Rule(
    id="dead_connection",
    title="Connections are open to an address that no pod has any more: nobody answers",
    scope="connection",
    stage="cause",
    inputs=("sockets", "conntrack", "pods", "nodes"),
    symptoms=("timeout", "slow"),
    screen="sockets",
    criterion="an established connection whose other end, by the node's conntrack entry, is of a "
    "node's pod range and no pod's",
    thresholds=(BACKOFF, GONE),
    false_friends=("the pod is there, and its list is not complete",),
    verify="ss -tino in the client's pod shows no backoff towards {where}",
)
FIX = """# on {node}: forget the entries; what is sent next goes to an endpoint that is there, and
# its RST ends the connection
conntrack -D -p tcp --orig-dst {asked} --reply-src {server}
# in the client: TCP_USER_TIMEOUT of some 20 s, or keep-alives (tcp(7)): it notices by itself"""
FIX_DIRECT = (
    "Restart the client, or let it connect again. In its code: TCP_USER_TIMEOUT of some 20 s, or "
    "keep-alives (tcp(7)): it notices by itself"
)


@frozen
class DeadEnd:
    """Connections of a client that ask `asked` and lead to `server`, which no pod has. `stuck` of
    `count` are retransmitted, by the client's sockets."""

    client: str
    asked: str
    port: int
    server: str
    node: str  # of the client
    count: int
    stuck: int
    evidence: Evidence


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    if not snapshot.pods:
        return
    for ends in by_key(_dead_ends(snapshot), _asked_end).values():
        yield _finding(snapshot, ends)


def _asked_end(end: DeadEnd) -> End:
    return end.asked, end.port


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What was sent to the address that is gone."""
    return any(_is_of(end, talk) for end in _dead_ends(snapshot))


def _is_of(end: DeadEnd, talk: Conversation) -> bool:
    return talk.client == end.client and talk.server in (end.server, end.asked)


# --- where they lead


@once_per_snapshot
def _dead_ends(snapshot: Snapshot) -> tuple[DeadEnd, ...]:
    return (*_by_conntrack(snapshot), *_by_sockets(snapshot))


def _by_conntrack(snapshot: Snapshot) -> Iterator[DeadEnd]:
    """Through a Service, of which the node knows the endpoint."""
    for host in snapshot.hosts:
        for group in host.conntrack_groups:
            if _is_dead(snapshot, host, group):
                yield _dead_entry(snapshot, host, group)


def _dead_entry(snapshot: Snapshot, host: TargetView, group: ConntrackGroup) -> DeadEnd:
    stuck = _stuck(snapshot, group.source, group.destination, group.port)
    source = host.conntrack.source if host.conntrack else ""
    return DeadEnd(
        client=group.source,
        asked=group.destination,
        port=group.port,
        server=group.reply_source,
        node=host.name,
        count=group.count,
        stuck=min(stuck, group.count),
        evidence=host.fact(_entry(snapshot, group), source),
    )


def _entry(snapshot: Snapshot, group: ConntrackGroup) -> str:
    return (
        f"{group.count} established entries {snapshot.name(group.source)} → {group.destination}:"
        f"{group.port} lead to {group.reply_source}:{group.reply_port}, which no pod has"
    )


def _is_dead(snapshot: Snapshot, host: TargetView, group: ConntrackGroup) -> bool:
    """Established by a pod that is there, to an endpoint that was gone when the table was read."""
    service = snapshot.service_by_address.get(group.destination)
    if service is None or not _is_open(snapshot, group):
        return False
    ready, waiting = snapshot.endpoints(service)
    if group.reply_source in (*ready, *waiting) or not _is_unused(snapshot, group.reply_source):
        return False
    is_stuck = _stuck(snapshot, group.source, group.destination, group.port) > 0
    return is_stuck or _was_gone(snapshot, host, service)


def _is_open(snapshot: Snapshot, group: ConntrackGroup) -> bool:
    is_established = (group.protocol, group.state) == ("tcp", "ESTABLISHED")
    return is_established and group.replied and group.source in snapshot.by_address


def _was_gone(snapshot: Snapshot, host: TargetView, service: ServiceRow) -> bool:
    """Whether the Service's endpoints were what they are for long when the table was read."""
    read_at = host.conntrack.at if host.conntrack else 0.0
    rows = snapshot.slices_behind(service)
    return bool(rows) and all(read_at - row.changed > GONE.value for row in rows)


def _is_unused(snapshot: Snapshot, address: str) -> bool:
    """Of a range of pods, and no pod's."""
    return bool(node_of_unused(snapshot, address))


def _by_sockets(snapshot: Snapshot) -> Iterator[DeadEnd]:
    """To the pod's own address, without a Service."""
    for view in snapshot.of_kind("pod"):
        for (peer, port), stuck in _stuck_ends(snapshot)[view.key].items():
            if view.pod is not None and stuck and _is_unused(snapshot, peer):
                text = f"{stuck} connections to {peer}:{port}, which no pod has, back off"
                yield DeadEnd(
                    client=view.pod.ip,
                    asked=peer,
                    port=port,
                    server=peer,
                    node=view.node,
                    count=stuck,
                    stuck=stuck,
                    evidence=view.fact(text, "ss -tino"),
                )


def _stuck(snapshot: Snapshot, client: str, peer: str, port: int) -> int:
    """Connections of a pod that is open whose data is retransmitted for long."""
    own = (view for view in snapshot.of_kind("pod") if view.pod and client in _ips(view))
    return sum(_stuck_ends(snapshot)[view.key][peer, port] for view in own)


def _ips(view: TargetView) -> tuple[str, ...]:
    return (*view.pod.ips, view.pod.ip) if view.pod else ()


@once_per_snapshot
def _stuck_ends(snapshot: Snapshot) -> dict[str, Counter[End]]:
    """By the pod: how many of its connections to each other end are so. A busy pod has thousands of
    sockets: they are gone through once."""
    return {view.key: _stuck_of(view) for view in snapshot.of_kind("pod")}


def _stuck_of(view: TargetView) -> Counter[End]:
    found = Counter[End]()
    for row in view.sockets:
        if row.backoff >= BACKOFF.value and row.state == "ESTAB" and row.unacked:
            found[row.peer, row.peer_port] += row.alike
    return found


# --- in words


def _finding(snapshot: Snapshot, ends: list[DeadEnd]) -> Finding:
    first = ends[0]
    stuck, count = sum(end.stuck for end in ends), sum(end.count for end in ends)
    where = f"{first.asked}:{first.port}"
    clients = listed(snapshot.workload(end.client) for end in ends)
    return RULE.finding(
        subject=_subject(snapshot, first),
        severity="critical" if stuck else "warning",
        title=f"{stuck or count} connections of {clients} are open to "
        f"{listed(end.server for end in ends)}, which no pod has any more: nobody answers",
        evidence=tuple(_evidence(snapshot, ends, stuck)),
        confidence="certain" if stuck else "likely",
        fix=_fix(first),
        fix_kind="text" if first.asked == first.server else "shell",
        where=where,
    )


def _subject(snapshot: Snapshot, end: DeadEnd) -> Subject:
    return replace(snapshot.subject(end.asked), port=end.port)


def _fix(end: DeadEnd) -> str:
    if end.asked == end.server:
        return FIX_DIRECT
    return FIX.format(node=end.node, asked=end.asked, server=end.server)


def _evidence(snapshot: Snapshot, ends: list[DeadEnd], stuck: int) -> Iterator[Evidence]:
    for end in ends[:4]:
        yield end.evidence
    if stuck:
        text = f"{stuck} of them retransmit, after {BACKOFF.value:g} timeouts in a row or more"
        yield snapshot.fact(text, "ss -tino")
    service = snapshot.service_by_address.get(ends[0].asked)
    if service is not None:
        ready, _ = snapshot.endpoints(service)
        source = f"EndpointSlices of {service.namespace}/{service.name}"
        yield snapshot.fact(f"endpoints now: {listed(ready, 4) or 'none'}", source)
