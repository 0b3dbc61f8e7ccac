"""A Service behind an Ingress that is reached around it."""

from __future__ import annotations

from dataclasses import replace

from collectors.events import (
    IngressRow,
    ServiceRow,
)
from collectors.findings import Finding
from tests.support.policy_snapshots import (
    INGRESS,
    WEB,
    policy_snapshot,
)
from tests.support.rules import finder

evaluate = finder("ingress_bypass")


def exposed(ingress: IngressRow, *services: ServiceRow) -> dict[str, Finding]:
    moment = policy_snapshot(services=services, ingresses=(ingress,))
    return {finding.rule: finding for finding in evaluate(moment)}


def test_around_the_ingress() -> None:
    found = exposed(replace(INGRESS, tls=True), WEB)["ingress_bypass"]
    assert "30080" in found.title and "TLS" in found.title
    beside = replace(WEB, name="web-admin")
    assert (
        exposed(INGRESS, replace(WEB, type="ClusterIP"), beside)["ingress_bypass"].where
        == "svc/shop/web-admin"
    )
    assert "ingress_bypass" not in exposed(INGRESS, replace(WEB, type="ClusterIP"))
    assert not list(evaluate(policy_snapshot(services=(WEB,)))), (
        "a cluster without Ingresses opens ports on purpose"
    )
