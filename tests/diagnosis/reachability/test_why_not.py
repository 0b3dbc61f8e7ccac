"""What a denial says of each rule: whose labels, which family, which port."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.reachability import ask, cluster_of_text

OBJECTS = """
apiVersion: v1
kind: Namespace
metadata: {name: data, labels: {team: c}}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: data, labels: {app: client}}
spec: {containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.244.1.7, podIPs: [{ip: 10.244.1.7}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: c, image: i, ports: [{containerPort: 5432}]}]}
status: {phase: Running, podIP: 10.244.2.6, podIPs: [{ip: 10.244.2.6}]}
"""
CALICO = """
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
spec: {selector: "app == 'db'", types: [Ingress], ingress: [{action: Allow, protocol: TCP, RULE}]}
"""
CILIUM = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: a, namespace: shop}
spec: {endpointSelector: {matchLabels: {app: db}}, ingress: [{RULE}]}
"""
FQDN = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: out, namespace: data}
spec:
  endpointSelector: {}
  egress: [{toFQDNs: [{matchName: api.example.com}], toPorts: [{ports: [{port: "443", protocol: TCP}]}]}]
"""
NAMESPACE_OF_CALICO = "namespace data does not match namespaceSelector team == 'b' (it has kubernetes.io/metadata.name=data, team=c)"  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "rule", "said"),
    [
        (CALICO, "source: {namespaceSelector: \"team == 'b'\"}", NAMESPACE_OF_CALICO),
        (
            CALICO,
            "source: {selector: \"app == 'client'\", namespaceSelector: \"team == 'b'\"}",
            NAMESPACE_OF_CALICO,
        ),
        (
            CALICO,
            "source: {selector: \"app == 'web'\", namespaceSelector: \"team == 'c'\"}",
            "pod data/client does not match selector app == 'web'",
        ),
        (
            CALICO,
            "ipVersion: 6, destination: {ports: [5432]}",
            "5432/TCP over IPv6, and the pod listens on 5432/TCP over IPv4",
        ),
        (CALICO, "source: {notNets: [10.244.0.0/16]}", "is in 10.244.0.0/16, which notNets"),
        (
            CALICO,
            "source: {namespaceSelector: all(), notSelector: \"app == 'client'\"}",
            "pod data/client (it has app=client) matches notSelector app == 'client'",
        ),
        (
            CALICO,
            "source: {notSelector: \"app == 'x'\"}",
            "the selector means pods of shop alone, this is data",
        ),
        (
            CALICO,
            "source: {selector: \"App in {'Client', 'x'}\", namespaceSelector: all()}",
            "does not match selector App in {'Client', 'x'} (it has app=client: upper and lower",
        ),
        (
            CILIUM,
            'fromEndpoints: [{matchLabels: {"k8s:io.cilium.k8s.namespace.labels.team": b}}]',
            "namespace data lacks team=b (it has team=c)",
        ),
        (
            CILIUM,
            'fromEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": web}}]',
            "it is of namespace data, and the selector asks for",
        ),
        (
            CILIUM,
            'fromEndpoints: [{matchLabels: {app: web, "k8s:io.kubernetes.pod.namespace": data}}]',
            "pod data/client lacks app=web (it has app=client)",
        ),
    ],
)
def test_the_sentence(tmp_path: Path, policy: str, rule: str, said: str) -> None:
    known = cluster_of_text(tmp_path, OBJECTS, policy.replace("RULE", rule))
    answer = ask(known, "data/client", "shop/db", "5432")
    text = "\n".join(step.reason for step in answer.path if step.what == "why not")
    assert answer.verdict == "denied" and said in text, text


def test_a_name_on_another_port_is_not_said_to_be_admitted(tmp_path: Path) -> None:
    known = cluster_of_text(tmp_path, OBJECTS, FQDN)
    answer = ask(known, "data/client", "api.example.com", "80")
    (text,) = [step.reason for step in answer.path if step.what == "why not"][-1:]
    assert answer.verdict == "denied"
    assert "may admit this peer (" in text and "but on 443/TCP, and this is 80/TCP" in text


NETWORK_POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: np, namespace: NAMESPACE}
spec: {podSelector: {}, RULES}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: 10.96.0.9, selector: {app: db}, ports: [{port: 5432}]}
"""


def reasons(tmp_path: Path, destination: str, *policies: str) -> tuple[str, str]:
    known = cluster_of_text(tmp_path, OBJECTS, SERVICE, *policies)
    answer = ask(known, "data/client", destination, "5432")
    return answer.verdict, "\n".join(s.reason for s in answer.path if s.what == "why not")


@pytest.mark.parametrize("destination", ["svc/shop/db", "10.96.0.9"])
def test_a_range_of_cluster_ips_is_not_what_policies_see(tmp_path: Path, destination: str) -> None:
    rules = "policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.96.0.0/12}}]}]"
    text = NETWORK_POLICY.replace("NAMESPACE", "data").replace("RULES", rules)
    verdict, said = reasons(tmp_path, destination, text)
    assert verdict == "denied"
    assert "10.96.0.0/12 holds the ClusterIP 10.96.0.9 of shop/db: policies see 10.244.2.6" in said


def test_a_range_without_the_service_is_no_hint(tmp_path: Path) -> None:
    rules = "policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.97.0.0/16}}]}]"
    text = NETWORK_POLICY.replace("NAMESPACE", "data").replace("RULES", rules)
    verdict, said = reasons(tmp_path, "svc/shop/db", text)
    assert verdict == "denied" and "10.244.2.6 is not in 10.97.0.0/16" in said


@pytest.mark.parametrize("labels", ["{App: client}", "{app: Client}", "{APP: CLIENT}"])
def test_labels_that_differ_in_case_only(tmp_path: Path, labels: str) -> None:
    peer = f"{{namespaceSelector: {{}}, podSelector: {{matchLabels: {labels}}}}}"
    rules = f"ingress: [{{from: [{peer}]}}]"
    text = NETWORK_POLICY.replace("NAMESPACE", "shop").replace("RULES", rules)
    verdict, said = reasons(tmp_path, "shop/db", text)
    assert verdict == "denied" and "(it has app=client: upper and lower case differ)" in said
