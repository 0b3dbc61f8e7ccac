"""externalTrafficPolicy Local, and nodes without a local endpoint.

Facts: docs/reference/failures.md #18.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from diagnosis.snapshot import Snapshot, listed
from diagnosis.subjects import service_subject


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    workers = [node for node in snapshot.nodes if node.ready]
    for service in snapshot.services:
        if service.external_policy != "Local" or service.type not in ("NodePort", "LoadBalancer"):
            continue
        rows = snapshot.slices_of.get((service.namespace, service.name), ())
        local = {e.node for row in rows for e in row.endpoints if e.ready}
        without = [node.name for node in workers if node.name not in local]
        if not local or not without:
            continue
        name = f"{service.namespace}/{service.name}"
        ports = ", ".join(str(p.node_port) for p in service.targets if p.node_port)
        yield Finding(
            rule="external_local",
            severity="warning",
            subject=service_subject(service),
            title=f"{listed(without)} drop{'s' if len(without) == 1 else ''} outside traffic for this Service: "
            "externalTrafficPolicy is Local and no ready endpoint runs there",
            evidence=(
                Evidence("externalTrafficPolicy: Local", f"Service {name}", snapshot.at),
                Evidence(
                    f"ready endpoints on {listed(sorted(local))}; none on {listed(without)}",
                    "EndpointSlices",
                    snapshot.at,
                ),
                *(
                    [Evidence(f"node ports {ports}", f"Service {name}", snapshot.at)]
                    if ports
                    else []
                ),
            ),
            threshold="kube-proxy forwards outside traffic to local endpoints only",
            confidence="certain",
            disproof="the load balancer's health check keeps those nodes out",
            fix=f"kubectl -n {service.namespace} patch service {service.name} -p "
            '\'{"spec":{"externalTrafficPolicy":"Cluster"}}\'  # or a replica on every node, or health checks on '
            "healthCheckNodePort",
            fix_kind="shell",
            verify=f"curl to each node's port {ports or '…'} is answered",
            screen="services",
        )
