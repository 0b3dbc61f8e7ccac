"""What is reachable from outside of the cluster: beside the Ingress, or without a limit."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import IngressRow, ServiceRow
from collectors.findings import Evidence, Finding, Subject
from diagnosis.snapshot import Snapshot, listed
from diagnosis.subjects import service_subject

NGINX = "nginx"
LIMITS = ("limit-rps", "limit-rpm", "limit-connections", "limit-req-status-code")


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    if not snapshot.ingresses:
        return
    yield from _beside(snapshot)
    yield from _unlimited(snapshot)


def _beside(snapshot: Snapshot) -> Iterator[Finding]:
    """A Service that an Ingress leads to, and one that selects the same pods, can be asked from outside as well."""
    behind: dict[tuple[str, str], list[IngressRow]] = {}
    for ingress in snapshot.ingresses:
        for backend in ingress.backends:
            behind.setdefault((ingress.namespace, backend.service), []).append(ingress)
    selected = {
        (s.namespace, s.selector): rows
        for s in snapshot.services
        if s.selector and (rows := behind.get((s.namespace, s.name)))
    }
    for service in snapshot.services:
        rows = selected.get((service.namespace, service.selector)) if service.selector else None
        if rows and service.type in ("NodePort", "LoadBalancer"):
            yield _way_around(snapshot, service, rows)


def _way_around(snapshot: Snapshot, service: ServiceRow, rows: list[IngressRow]) -> Finding:
    name = f"{service.namespace}/{service.name}"
    ports = (
        ", ".join(str(p.node_port) for p in service.targets if p.node_port)
        or "of the load balancer"
    )
    through = listed(f"{row.namespace}/{row.name}" for row in rows)
    tls = any(row.tls for row in rows)
    return Finding(
        rule="ingress_bypass",
        severity="warning",
        subject=service_subject(service),
        title=f"It can be reached around the Ingress: {service.type} on port {ports}"
        + (", without its TLS" if tls else ""),
        evidence=(
            Evidence(f"type {service.type}, node port {ports}", f"Service {name}", snapshot.at),
            Evidence(
                f"the same pods are behind Ingress {through}", "Ingresses, selectors", snapshot.at
            ),
        ),
        threshold="a Service behind an Ingress needs no port of its own outside",
        confidence="certain",
        disproof="a health check or a partner is meant to come that way",
        fix=f"kubectl -n {service.namespace} patch service "
        f'{service.name} --type merge -p \'{{"spec":{{"type":"ClusterIP"}}}}\'  # the node port is given up',
        fix_kind="shell",
        verify="the node port refuses connections; the Ingress answers",
        screen="services",
    )


def _unlimited(snapshot: Snapshot) -> Iterator[Finding]:
    """Ingresses of NGINX without a rate limit; other controllers keep theirs elsewhere."""
    open_ = [
        row
        for row in snapshot.ingresses
        if NGINX in row.class_name
        and row.backends
        and not any(key.endswith(LIMITS) for key, _ in row.annotations)
    ]
    if not open_:
        return
    first = open_[0]
    names = [f"{row.namespace}/{row.name}" for row in open_]
    yield Finding(
        rule="ingress_unlimited",
        severity="info",
        subject=Subject(kind="cluster", name="Ingresses"),
        title=f"{'An Ingress has' if len(open_) == 1 else f'{len(open_)} Ingresses have'} no rate limit: {listed(names)}",
        evidence=(
            Evidence(
                f"no nginx.ingress.kubernetes.io/limit-… annotation on {listed(names, 6)}",
                "Ingresses",
                snapshot.at,
            ),
        ),
        threshold="one client may take all of the backends (ingress-nginx: annotations, rate limiting)",
        confidence="certain",
        disproof="a limit is set in front of the cluster, or in the controller's own ConfigMap",
        fix=f"kubectl -n {first.namespace} annotate ingress {first.name} nginx.ingress.kubernetes.io/limit-rps=20",
        fix_kind="shell",
        verify="a burst of requests gets 503 beyond the limit",
        screen="services",
    )
