"""Ingresses without a rate limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import (
    IngressRow,
    ServiceRow,
)
from collectors.findings import Finding
from tests.support.policy_snapshots import (
    INGRESS,
    policy_snapshot,
)
from tests.support.rules import finder

evaluate = finder("ingress_unlimited")


def exposed(ingress: IngressRow, *services: ServiceRow) -> dict[str, Finding]:
    moment = policy_snapshot(services=services, ingresses=(ingress,))
    return {finding.rule: finding for finding in evaluate(moment)}


def test_ingresses_without_a_limit() -> None:
    assert "ingress_unlimited" in exposed(INGRESS)


@pytest.mark.alike
def test_a_limit_is_there_or_elsewhere() -> None:
    limited = replace(INGRESS, annotations=(("nginx.ingress.kubernetes.io/limit-rps", "20"),))
    assert not exposed(limited)
    other = replace(INGRESS, annotations=(("nginx.org/limit-req-rate", "20r/s"),))
    assert not exposed(other)
    assert not exposed(replace(INGRESS, class_name="traefik")), "others keep limits elsewhere"
