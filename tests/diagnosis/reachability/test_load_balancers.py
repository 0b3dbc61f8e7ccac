"""Source ranges, and load balancers that nodes do not stand for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.reachability import ask, cluster_of_text

CLUSTER = """
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 192.168.5.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: c, image: i, ports: [{containerPort: 8080}]}]}
status: {phase: Running, podIP: 10.244.1.5, podIPs: [{ip: 10.244.1.5}, {ip: "fd00::5"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {nodeName: n1, containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.244.1.6, podIPs: [{ip: 10.244.1.6}]}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: lb, namespace: shop, annotations: {ANNOTATIONS}}
spec: {type: LoadBalancer, clusterIP: 10.96.0.9, RANGES selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
status: {loadBalancer: {ingress: [INGRESS]}}
"""
DENY_ALL = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: none, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
"""
NO_EGRESS = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: shop}
spec: {podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}]}, {ports: [{port: 53, protocol: UDP}]}]}
"""
BY_IP, BY_NAME = "{ip: 203.0.113.80}", "{hostname: AbC.elb.example.com}"
ANNOTATED = 'service.beta.kubernetes.io/load-balancer-source-ranges: " 198.51.100.0/24, 10.0.0.0/8"'
FIELD = "loadBalancerSourceRanges: [198.51.100.0/24],"


def service(ingress: str = BY_IP, ranges: str = "", annotations: str = "") -> str:
    text = SERVICE.replace("INGRESS", ingress).replace("RANGES", ranges)
    return text.replace("ANNOTATIONS", annotations)


Case = tuple[str, str, str, str, str]
INSIDE, OUTSIDE, BALANCER = "198.51.100.9", "8.8.8.8", "203.0.113.80"
CASES: list[tuple[str, tuple[str, ...], Case]] = [
    ("field", (service(ranges=FIELD),), (OUTSIDE, BALANCER, "80", "denied", "is not in 198.51")),
    ("field", (service(ranges=FIELD),), (INSIDE, BALANCER, "80", "allowed", "")),
    ("field", (service(ranges=FIELD),), (OUTSIDE, "192.168.5.1", "30080", "allowed", "")),
    ("annotation", (service(annotations=ANNOTATED),), (OUTSIDE, BALANCER, "80", "unknown", "kube-proxy does not")),
    ("annotation", (service(annotations=ANNOTATED),), (OUTSIDE, "svc/shop/lb", "80", "unknown", "the annotation")),
    ("annotation", (service(annotations=ANNOTATED),), (INSIDE, BALANCER, "80", "allowed", "")),
    ("annotation", (service(annotations=ANNOTATED),), ("shop/client", BALANCER, "80", "allowed", "")),
    ("annotation", (service(annotations=ANNOTATED), DENY_ALL), ("shop/client", BALANCER, "80", "unknown", "depends on the network plugin")),
    ("the field is before the annotation", (service(ranges=FIELD, annotations=ANNOTATED),), ("10.1.1.1", BALANCER, "80", "denied", "")),
    ("a name", (service(BY_NAME),), ("shop/client", "abc.elb.example.com", "80", "allowed", "by its load balancer abc.elb")),
    ("a name", (service(BY_NAME),), ("shop/client", "http://ABC.elb.example.com/x", "80", "allowed", "")),
    ("a name, another port", (service(BY_NAME),), ("shop/client", "abc.elb.example.com", "81", "denied", "it has no port 81")),
    ("a name", (service(BY_NAME), DENY_ALL), ("shop/client", "abc.elb.example.com", "80", "unknown", "from which address the load balancer")),
    ("a name", (service(BY_NAME), NO_EGRESS), ("shop/client", "abc.elb.example.com", "80", "denied", "shop/out isolates")),
    ("a name", (service(BY_NAME), DENY_ALL), (OUTSIDE, "svc/shop/lb", "80", "unknown", "from which address the load balancer")),
    ("a name with ranges", (service(BY_NAME, FIELD),), (OUTSIDE, "abc.elb.example.com", "80", "denied", "is not in 198.51")),
    ("a name with ranges", (service(BY_NAME, FIELD),), ("shop/client", "abc.elb.example.com", "80", "unknown", "as from which address")),
    ("ipMode", (service("{ip: 203.0.113.80, ipMode: Proxy}"), NO_EGRESS), ("shop/client", BALANCER, "80", "denied", "shop/out isolates")),
    ("ipMode", (service("{ip: 203.0.113.80, ipMode: VIP}"), NO_EGRESS), ("shop/client", BALANCER, "80", "allowed", "")),
    ("ipMode", (service("{ip: 203.0.113.80, ipMode: Proxy}"), DENY_ALL), (OUTSIDE, BALANCER, "80", "unknown", "from which address")),
    ("families", (service('{ip: "2001:db8::80"}', FIELD),), ("2001:db8::9", "2001:db8::80", "80", "unknown", "lacks: kube-proxy")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "objects", "case"), CASES, ids=[f"{c[0]} {c[2]}" for c in CASES])
def test_by_a_load_balancer(
    tmp_path: Path, name: str, objects: tuple[str, ...], case: Case
) -> None:
    source, destination, port, verdict, said = case
    answer = ask(cluster_of_text(tmp_path, CLUSTER, *objects), source, destination, port)
    text = "\n".join(f"{step.what}: {step.reason}" for step in answer.path)
    assert (answer.verdict, said in text) == (verdict, True), (name, text)


def test_ranges_that_cannot_be_read_are_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a server that stored them before it looked at the annotation."""
    monkeypatch.setattr("collectors.manifests.reading.check_objects", list)
    broken = service(annotations=ANNOTATED.replace(" 198.51.100.0/24", "x"))
    answer = ask(cluster_of_text(tmp_path, CLUSTER, broken), OUTSIDE, BALANCER, "80")
    assert answer.verdict == "unknown"


def test_ranges_with_white_space_and_leading_zeros_are_read(tmp_path: Path) -> None:
    padded = service(ranges='loadBalancerSourceRanges: [" 198.051.100.0/24 "],')
    cluster = cluster_of_text(tmp_path, CLUSTER, padded)
    assert ask(cluster, "198.51.100.9", BALANCER, "80").verdict == "allowed"
    assert ask(cluster, OUTSIDE, BALANCER, "80").verdict == "denied"
