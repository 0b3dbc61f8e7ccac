"""A pod cannot reach itself through its own Service.

Facts: docs/reference/failures.md #19.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.snapshot import Snapshot, listed


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for host in snapshot.of_kind("node"):
        ports = [
            link
            for link in (host.network.links if host.network else ())
            if link.hairpin is not None
        ]
        bridges = {k.name for k in (host.network.links if host.network else ()) if k.promiscuous}
        veths = [link for link in ports if link.kind == "veth" and link.master not in bridges]
        off = [link.name for link in veths if not link.hairpin]
        failing = [
            c
            for c in snapshot.conversations
            if c.unanswered and _own_service(snapshot, c.client, c.server)
        ]
        if not off:
            continue
        evidence = [
            host.fact(
                f"hairpin mode is off at {len(off)} of {len(veths)} ports: {listed(off)}",
                "bridge ports",
            )
        ]
        if failing:
            who = listed(snapshot.name(c.client) for c in failing)
            evidence.append(host.fact(f"own Services do not answer {who}", "capture"))
        yield Finding(
            rule="hairpin",
            severity="warning",
            subject=host.subject,
            title="Pods cannot reach themselves through their own Service: hairpin mode is off",
            evidence=tuple(evidence),
            threshold="hairpin mode is off at a port of a bridge that is not promiscuous",
            confidence="certain" if failing else "likely",
            disproof="a pod that backs a Service reaches that Service every time",
            fix=f"for port in {' '.join(off[:8])}; do bridge link set dev $port hairpin on; done  # and hairpinMode in the "
            "CNI's configuration",
            fix_kind="shell",
            verify="bridge -d link shows hairpin on",
            screen="node",
        )


def _own_service(snapshot: Snapshot, client: str, server: str) -> bool:
    service, pod = snapshot.service_by_address.get(server), snapshot.by_address.get(client)
    return service is not None and pod is not None and pod in snapshot.selected(service)
