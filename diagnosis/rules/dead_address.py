"""Connections go to an address that no pod has any more: a node's Service rules are stale, or a
client keeps an old address.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding, Subject
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
from diagnosis.rules._service_paths import stale_endpoints
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
    false_friends=("the address belongs to something else than a pod",),
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
        if node:
            yield _finding(snapshot, node, Subject(kind="address", name=server, port=port), talks)


def _failing(snapshot: Snapshot) -> ByServer:
    found = by_server(snapshot, unanswered) | by_server(snapshot, refused)
    return {end: own for end, talks in found.items() if (own := not_of_scanners(snapshot, talks))}


def _finding(snapshot: Snapshot, node: str, subject: Subject, talks: list[Conversation]) -> Finding:
    failed = sum(talk.unanswered + talk.refused for talk in talks)
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
