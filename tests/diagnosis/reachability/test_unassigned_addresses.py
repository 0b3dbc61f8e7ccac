"""An address of nobody, where something in the files has no address yet: it may be its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnosis.reachability.cluster_state import ClusterState
from tests.support.reachability import ask, cluster_of_text

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: c, image: i, ports: [{containerPort: 80}]}]}
status: {phase: Running, podIP: 10.244.1.5, podIPs: [{ip: 10.244.1.5}]}
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec: {selector: {matchLabels: {app: api}}, template: {metadata: {labels: {app: api}}, spec: {containers: [{name: c, image: i}]}}}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: from-api, namespace: shop}
spec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]}
"""
NOBODY = "10.244.9.9"


@pytest.mark.parametrize(
    ("objects", "source", "destination", "verdict"),
    [
        ((DEPLOYMENT,), NOBODY, "shop/web", "unknown"),
        ((DEPLOYMENT,), "shop/web", NOBODY, "unknown"),
        ((DEPLOYMENT,), NOBODY, "10.244.9.8", "unknown"),
        ((SERVICE,), "shop/web", "10.96.0.77", "unknown"),
        ((DEPLOYMENT,), "203.0.113.9", "shop/web", "denied"),
        ((DEPLOYMENT,), "shop/web", "203.0.113.9", "allowed"),
        ((), NOBODY, "shop/web", "denied"),
        ((), "shop/web", NOBODY, "allowed"),
        ((SERVICE.replace("spec: {", "spec: {clusterIP: None, "),), "shop/web", NOBODY, "allowed"),
        ((SERVICE.replace("spec: {", "spec: {clusterIP: 10.96.0.7, "),), NOBODY, "shop/web", "denied"),
        ((DEPLOYMENT.replace("spec: {sel", "spec: {replicas: 0, sel"),), NOBODY, "shop/web", "denied"),
    ],
)  # fmt: skip
def test_whose_it_is_may_decide(
    tmp_path: Path, objects: tuple[str, ...], source: str, destination: str, verdict: str
) -> None:
    answer = ask(cluster_of_text(tmp_path, POD, POLICY, *objects), source, destination, "80")
    assert answer.verdict == verdict, answer.path


def test_without_policies_it_does_not_matter(tmp_path: Path) -> None:
    known = cluster_of_text(tmp_path, POD, DEPLOYMENT)
    assert ask(known, "shop/web", NOBODY, "80").verdict == "allowed"


def test_it_is_said(tmp_path: Path) -> None:
    def said(address: str, *objects: str) -> str:
        known: ClusterState = cluster_of_text(tmp_path, POD, *objects)
        return known.nobodys(address)

    assert "addresses of Deployment shop/api are not in the files" in said(NOBODY, DEPLOYMENT)
    assert "clusterIP of Service shop/api is not in the files" in said(NOBODY, SERVICE)
    assert "nobody among the objects has it" in said(NOBODY)
    assert "nobody among the objects has it" in said("203.0.113.9", DEPLOYMENT)
    assert said("127.0.0.1") == said("224.0.0.1") == ""
