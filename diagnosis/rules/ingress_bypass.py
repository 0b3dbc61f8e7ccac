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
    false_friends=(
        "a health check or a partner is meant to come by that port",
        "the Ingress's load balancer comes by node ports itself (gce, alb)",
    ),
    confidence="certain",
    fix="kubectl -n {namespace} patch service {name} --type merge -p "
    '\'{{"spec":{{"type":"ClusterIP"}}}}\'  # the node port is given up',
    fix_kind="shell",
    verify="the node port refuses connections; the Ingress answers",
)

Led = tuple[IngressRow, str]  # and the target port
# classes whose load balancers reach pods by node ports: GKE's, unless it uses NEGs, and that of
# AWS (target-type: instance)
BY_NODE_PORT = ("gce", "alb")


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    behind = _selectors_behind_ingresses(snapshot)
    for service in snapshot.services:
        rows = behind.get((service.namespace, service.selector), [])
        ingresses = [row for row, port in rows if _leads_to(service, port)]
        if service.type == "NodePort":
            ingresses = [row for row in ingresses if not row.class_name.startswith(BY_NODE_PORT)]
        if ingresses and service.type in ("NodePort", "LoadBalancer"):
            yield _finding(snapshot, service, list(dict.fromkeys(ingresses)))


def _leads_to(service: ServiceRow, target: str) -> bool:
    """Whether the Service opens that port of the pods ('' where it is not known)."""
    return not target or target in {port.target for port in service.targets}


def _selectors_behind_ingresses(snapshot: Snapshot) -> dict[tuple[str, object], list[Led]]:
    """(namespace, selector) to the Ingresses that lead to those pods, and to which of their
    ports."""
    by_service: dict[tuple[str, str], list[tuple[IngressRow, str]]] = {}
    for ingress in snapshot.ingresses:
        for backend in ingress.backends:
            led = by_service.setdefault((ingress.namespace, backend.service), [])
            led.append((ingress, backend.port))
    found: dict[tuple[str, object], list[Led]] = {}
    for service in snapshot.services:
        rows = by_service.get((service.namespace, service.name))
        if service.selector and rows:
            led = found.setdefault((service.namespace, service.selector), [])
            led += [(ingress, _target(service, port)) for ingress, port in rows]
    return found


def _target(service: ServiceRow, port: str) -> str:
    """The pods' port behind a Service's number or name; '' where it is not known."""
    named = (one.target for one in service.targets if port in (one.name, str(one.number)))
    return next(named, "")


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
