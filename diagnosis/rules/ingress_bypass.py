"""A Service behind an Ingress can be reached from outside beside it as well."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import IngressRow, ServiceRow
from collectors.findings import Evidence, Finding
from diagnosis.rule import Rule
from diagnosis.rules._services import node_ports
from diagnosis.snapshot import Snapshot, listed
from diagnosis.subjects import service_subject

RULE = Rule(
    id="ingress_bypass",
    title="A Service behind an Ingress can be reached around it",
    scope="Service",
    stage="advice",
    inputs=("Ingresses", "Services"),
    symptoms=(),
    screen="services",
    criterion="a Service behind an Ingress needs no port of its own outside",
    false_friends=("a health check or a partner is meant to come by that port",),
    confidence="certain",
    fix="kubectl -n {namespace} patch service {name} --type merge -p "
    '\'{{"spec":{{"type":"ClusterIP"}}}}\'  # the node port is given up',
    fix_kind="shell",
    verify="the node port refuses connections; the Ingress answers",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    behind = _selectors_behind_ingresses(snapshot)
    for service in snapshot.services:
        ingresses = behind.get((service.namespace, service.selector))
        if ingresses and service.type in ("NodePort", "LoadBalancer"):
            yield _finding(snapshot, service, ingresses)


def _selectors_behind_ingresses(
    snapshot: Snapshot,
) -> dict[tuple[str, object], list[IngressRow]]:
    """(namespace, selector) to the Ingresses that lead to those pods."""
    by_service: dict[tuple[str, str], list[IngressRow]] = {}
    for ingress in snapshot.ingresses:
        for backend in ingress.backends:
            by_service.setdefault((ingress.namespace, backend.service), []).append(ingress)
    found: dict[tuple[str, object], list[IngressRow]] = {}
    for service in snapshot.services:
        rows = by_service.get((service.namespace, service.name))
        if service.selector and rows:
            found[service.namespace, service.selector] = rows
    return found


def _finding(snapshot: Snapshot, service: ServiceRow, ingresses: list[IngressRow]) -> Finding:
    ports = node_ports(service) or "of the load balancer"
    without_tls = ", without its TLS" if any(row.tls for row in ingresses) else ""
    return RULE.finding(
        subject=service_subject(service),
        title=f"It can be reached around the Ingress: {service.type} on port {ports}{without_tls}",
        evidence=_evidence(snapshot, service, ingresses, ports),
        namespace=service.namespace,
        name=service.name,
    )


def _evidence(
    snapshot: Snapshot, service: ServiceRow, ingresses: list[IngressRow], ports: str
) -> Iterator[Evidence]:
    through = listed(f"{row.namespace}/{row.name}" for row in ingresses)
    source = f"Service {service.namespace}/{service.name}"
    yield snapshot.fact(f"type {service.type}, node port {ports}", source)
    yield snapshot.fact(f"the same pods are behind Ingress {through}", "Ingresses, selectors")
