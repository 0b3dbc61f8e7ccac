"""Connections go to an address that no pod has any more: a node's Service rules are stale, or a
client keeps an old address.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import ServiceRow
from collectors.findings import Evidence, Finding, Subject
from diagnosis.paths import End
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._agents import proxy_log
from diagnosis.rules._connections import (
    LEAST,
    ByServer,
    by_server,
    node_of_unused,
    refused,
    seen,
    unanswered,
)
from diagnosis.rules._probers import not_of_scanners
from diagnosis.rules._service_paths import is_fresh, stale_endpoints
from diagnosis.snapshot import Conversation, Snapshot, listed

CRITICAL = Threshold(
    "critical from", 10, "failed connections in 15 s: a rollout leaves fewer", CONVENTION
)
RULE = Rule(
    id="dead_address",
    title="Connections go to an address that no pod has",
    scope="connection",
    stage="cause",
    inputs=("capture", "pods", "nodes"),
    symptoms=("connect", "timeout", "nodes"),
    screen="flows",
    thresholds=(LEAST, CRITICAL),
    false_friends=(
        "the address belongs to something else than a pod",
        "its pod ended a moment ago, and nodes learn of it",
    ),
    fix_kind="shell",
    verify="no connection goes there any more",
)
FIX = """# does kube-proxy run on {node}, and does it keep up?
{proxy}
nft list ruleset | grep -F {server}; iptables-save | grep -F {server}; \
ipvsadm -Ln 2>/dev/null | grep -F {server}
# entries of connections that are no more
conntrack -D -p tcp --reply-src {server}"""


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    if not snapshot.pods:
        return
    stale = stale_endpoints(snapshot)
    for (server, port), talks in _failing(snapshot).items():
        node = node_of_unused(snapshot, server, port)
        if (server, port) in stale or any(talk.answered for talk in talks):
            continue
        if node and not _has_just_left(snapshot, (server, port), talks):
            yield _finding(snapshot, node, Subject(kind="address", name=server, port=port), talks)


def _has_just_left(snapshot: Snapshot, end: End, talks: list[Conversation]) -> bool:
    """Whether few fail, and it was an endpoint until a moment ago, as in a rollout: of a Service
    that nodes were asked for, else of any with that port."""
    asked = {row.asked for host in snapshot.hosts for row in host.paths if row.endpoint_end == end}
    services = [service for service in snapshot.services if asked.intersection(service.ips)]
    if not services:
        services = [one for one in snapshot.services if _has_port(snapshot, one, end[1])]
    is_few = _failed(talks) < CRITICAL.value
    return is_few and any(is_fresh(snapshot, service) for service in services)


def _has_port(snapshot: Snapshot, service: ServiceRow, number: int) -> bool:
    rows = snapshot.slices_behind(service)
    return any(port.number == number for row in rows for port in row.ports)


def _failed(talks: list[Conversation]) -> int:
    return sum(talk.unanswered + talk.refused for talk in talks)


def _failing(snapshot: Snapshot) -> ByServer:
    found = by_server(snapshot, unanswered) | by_server(snapshot, refused)
    return {end: own for end, talks in found.items() if (own := not_of_scanners(snapshot, talks))}


def _finding(snapshot: Snapshot, node: str, subject: Subject, talks: list[Conversation]) -> Finding:
    failed = _failed(talks)
    clients = listed(name for talk in talks if (name := snapshot.node_of(talk.client)))
    server = subject.name
    return RULE.finding(
        subject=subject,
        severity="critical" if failed >= CRITICAL.value else "warning",
        title=f"Connections go to {server}, which no pod has: rules of the Service are stale, or "
        "the client keeps an old address",
        evidence=_evidence(snapshot, node, talks, failed),
        fix=FIX.format(
            node=clients or "the node of the client",
            server=server,
            proxy=proxy_log(snapshot, clients.partition(",")[0]),
        ),
    )


def _evidence(
    snapshot: Snapshot, node: str, talks: list[Conversation], failed: int
) -> Iterator[Evidence]:
    yield seen(snapshot, talks, f"{failed} connections failed, none was made")
    yield snapshot.fact(
        f"it is of the range of {node}, and no pod of the cluster has it", "pods, nodes"
    )
