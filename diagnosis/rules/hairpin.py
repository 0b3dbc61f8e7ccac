"""A pod cannot reach itself through its own Service.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import LinkRow
from collectors.findings import Evidence, Finding
from diagnosis.addresses import addresses_of
from diagnosis.rule import Rule
from diagnosis.snapshot import Conversation, Snapshot, TargetView, listed

RULE = Rule(
    id="hairpin",
    title="Pods cannot reach themselves through their own Service: hairpin mode is off",
    scope="node",
    stage="cause",
    inputs=("links", "Services", "pods", "capture"),
    symptoms=("connect", "timeout", "nodes"),
    screen="node",
    criterion="hairpin mode is off at a port of a bridge that is not promiscuous",
    false_friends=("a pod that backs a Service reaches that Service every time",),
    fix_kind="shell",
    verify="bridge -d link shows hairpin on",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    everywhere = _failing_to_themselves(snapshot)
    for host in snapshot.of_kind("node"):
        ports = _bridge_ports(snapshot, host)
        failing = [talk for talk in everywhere if snapshot.node_of(talk.client) == host.node]
        if off := [link.name for link in ports if not link.hairpin]:
            yield _finding(snapshot, host, off, failing, ports)


def _finding(
    snapshot: Snapshot,
    host: TargetView,
    off: list[str],
    failing: list[Conversation],
    ports: list[LinkRow],
) -> Finding:
    return RULE.finding(
        subject=host.subject,
        evidence=_evidence(snapshot, host, off, len(ports), failing),
        severity="warning" if failing else "info",
        confidence="certain" if failing else "likely",
        fix=f"for port in {' '.join(off[:8])}; do bridge link set dev $port hairpin on; done "
        " # and hairpinMode in the CNI's configuration",
    )


def _bridge_ports(snapshot: Snapshot, host: TargetView) -> list[LinkRow]:
    """The veth ports of the bridges of pods that do not receive everything anyhow."""
    bridges = {
        link.name for link in host.links if not link.promiscuous and _is_of_pods(snapshot, link)
    }
    ports = (link for link in host.links if link.hairpin is not None and link.kind == "veth")
    return [link for link in ports if link.master in bridges]


def _is_of_pods(snapshot: Snapshot, bridge: LinkRow) -> bool:
    """Not docker0, or that of virtual machines: by its address, where nodes have pod CIDRs."""
    is_known = any(node.pod_cidrs for node in snapshot.nodes)
    return not is_known or any(map(snapshot.in_pod_range, addresses_of(bridge)))


def _failing_to_themselves(snapshot: Snapshot) -> list[Conversation]:
    return [talk for talk in snapshot.conversations if _fails_to_itself(snapshot, talk)]


def _fails_to_itself(snapshot: Snapshot, talk: Conversation) -> bool:
    if not talk.unanswered:
        return False
    service = snapshot.service_by_address.get(talk.server)
    pod = snapshot.by_address.get(talk.client)
    is_backend = service is not None and pod is not None and pod in snapshot.selected(service)
    return is_backend and not _fails_elsewhere(snapshot, talk)


def _fails_elsewhere(snapshot: Snapshot, talk: Conversation) -> bool:
    """Whether captures show that the Service's other endpoints are what does not answer the pod, or
    that it is answered by itself."""
    rows = [
        row
        for host in snapshot.hosts
        for row in host.paths
        if (row.client, *row.asked_end, row.protocol) == (talk.client, *talk.end, talk.protocol)
    ]
    is_self = any(row.endpoint == talk.client and row.completed for row in rows)
    return is_self or any(row.unanswered and row.endpoint not in ("", talk.client) for row in rows)


def _evidence(
    snapshot: Snapshot, host: TargetView, off: list[str], ports: int, failing: list[Conversation]
) -> Iterator[Evidence]:
    mode = f"hairpin mode is off at {len(off)} of {ports} ports: {listed(off)}"
    yield host.fact(mode, "bridge ports")
    if failing:
        clients = listed(snapshot.name(talk.client) for talk in failing)
        yield host.fact(f"own Services do not answer {clients}", "capture")
