"""A Service behind an Ingress that is reached around it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import (
    IngressRow,
    ServicePort,
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


@pytest.mark.alike
def test_a_load_balancer_that_comes_by_node_ports_itself() -> None:
    """The fix would cut the Ingress off."""
    for name in ("gce", "gce-internal", "alb"):
        ingress = replace(INGRESS, class_name=name)
        assert not exposed(ingress, WEB)
        assert exposed(ingress, replace(WEB, type="LoadBalancer"))


@pytest.mark.alike
def test_another_port_of_the_same_pods() -> None:
    web = replace(WEB, type="ClusterIP")
    admin = replace(
        WEB, name="web-grpc", targets=(ServicePort("grpc", 50_051, "TCP", "50051", 30_051),)
    )
    assert not exposed(INGRESS, web, admin)
    both = replace(admin, targets=(*admin.targets, ServicePort("", 81, "TCP", "8080", 30_081)))
    assert exposed(INGRESS, web, both)["ingress_bypass"].where == "svc/shop/web-grpc"
