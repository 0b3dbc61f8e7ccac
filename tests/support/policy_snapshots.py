"""Snapshots with policies, the cluster's DNS, and a Service behind an Ingress."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from collectors.events import (
    Backend,
    ContainerPort,
    IngressRow,
    NamespaceRow,
    PolicyRow,
    ServicePort,
    ServiceRow,
)
from diagnosis.snapshot import Snapshot, TargetView
from tests.support.snapshots import API, NEAR, NODE, OTHER, POD, pod

DNS_POD = replace(
    API,
    namespace="kube-system",
    name="coredns-1",
    ip="10.2.0.9",
    labels=(("k8s-app", "kube-dns"),),
    ports=(ContainerPort("dns", 5353, "UDP"), ContainerPort("dns-tcp", 5353, "TCP")),
)


DNS = ServiceRow(
    "kube-system",
    "kube-dns",
    ("10.96.0.10",),
    ("53/UDP",),
    "ClusterIP",
    (("k8s-app", "kube-dns"),),
    (ServicePort("dns", 53, "UDP", "dns"), ServicePort("dns-tcp", 53, "TCP", "dns-tcp")),
)


SPACES = (NamespaceRow("shop"), NamespaceRow("bank"), NamespaceRow("kube-system"))


def policy(
    name: str, spec: dict[str, Any], namespace: str = "shop", changed: float = 0.0
) -> PolicyRow:
    return PolicyRow(namespace, name, json.dumps(spec), changed)


def policy_snapshot(*rows: PolicyRow, target: TargetView | None = None, **more: Any) -> Snapshot:
    base: dict[str, Any] = {
        "pods": (POD, API, NEAR, DNS_POD),
        "services": (DNS,),
        "namespaces": SPACES,
        "nodes": (NODE, OTHER),
    }
    return Snapshot(100.0, (target or pod(),), policies=rows, **{**base, **more})


def out(*ports: tuple[int, str]) -> dict[str, Any]:
    rule = {"ports": [{"port": n, "protocol": p} for n, p in ports]}
    return {
        "podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Egress"],
        "egress": [rule],
    }


INGRESS = IngressRow("shop", "front", "nginx", (Backend("shop.example", "/", "web", "80"),))


WEB = ServiceRow(
    "shop",
    "web",
    ("10.96.0.7",),
    ("80/TCP",),
    "NodePort",
    (("app", "web"),),
    (ServicePort("", 80, "TCP", "8080", 30_080),),
)
