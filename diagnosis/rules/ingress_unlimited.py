"""Ingresses of NGINX without a rate limit; other controllers keep theirs elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import IngressRow
from collectors.findings import Evidence, Finding, Subject
from diagnosis.rule import Rule
from diagnosis.snapshot import Snapshot, listed

# of ingress-nginx; limit-req-rate of F5's controller (docs.nginx.com), of class nginx as well
LIMITS = ("limit-req-rate", "limit-rps", "limit-rpm", "limit-connections", "limit-req-status-code")
RULE = Rule(
    id="ingress_unlimited",
    title="Ingresses have no rate limit",
    scope="cluster",
    stage="advice",
    inputs=("Ingresses",),
    symptoms=(),
    screen="services",
    criterion="one client may use up all of the backends (ingress-nginx: annotations, rate "
    "limiting)",
    false_friends=("a limit is set in front of the cluster, or in the controller's own ConfigMap",),
    severity="info",
    confidence="certain",
    fix="kubectl -n {namespace} annotate ingress {name} nginx.ingress.kubernetes.io/limit-rps=20",
    fix_kind="shell",
    verify="a burst of requests gets 503 beyond the limit",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    unlimited = [row for row in snapshot.ingresses if _is_unlimited(row)]
    if not unlimited:
        return
    yield _finding(snapshot, unlimited)


def _finding(snapshot: Snapshot, unlimited: list[IngressRow]) -> Finding:
    first, names = unlimited[0], [f"{row.namespace}/{row.name}" for row in unlimited]
    count = "An Ingress has" if len(unlimited) == 1 else f"{len(unlimited)} Ingresses have"
    return RULE.finding(
        subject=Subject(kind="cluster", name="Ingresses"),
        title=f"{count} no rate limit: {listed(names)}",
        evidence=_evidence(snapshot, names),
        namespace=first.namespace,
        name=first.name,
    )


def _evidence(snapshot: Snapshot, names: list[str]) -> Iterator[Evidence]:
    text = f"no nginx.ingress.kubernetes.io/limit-… annotation on {listed(names, 6)}"
    yield snapshot.fact(text, "Ingresses")


def _is_unlimited(row: IngressRow) -> bool:
    limited = any(key.endswith(LIMITS) for key, _ in row.annotations)
    return "nginx" in row.class_name and bool(row.backends) and not limited
