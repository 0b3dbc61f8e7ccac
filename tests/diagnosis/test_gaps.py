"""Policies that do not do what was meant, what is open to the outside, ports that nobody listens on: on snapshots made
by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from collectors.events import (
    Backend,
    ContainerPort,
    IngressRow,
    NamespaceRow,
    PodRow,
    PolicyRow,
    ServicePort,
    ServiceRow,
)
from collectors.findings import Finding
from collectors.sockets.rows import SocketRow
from diagnosis.reachability.observed_connections import proof
from diagnosis.rules._policies import dns_decisions, policy_context
from diagnosis.snapshot import Snapshot, TargetView
from tests.support.rules import finder
from tests.support.snapshots import API, NEAR, NODE, OTHER, POD, pod, talk

policy_gaps_found = finder(
    "policy_selects_nothing", "policy_cuts_dns_tcp", "policy_not_enforced", "no_default_deny"
)
policies_found = finder("policy_label", "policy_cuts_dns", "policy_drops")
exposure_found = finder("ingress_bypass", "ingress_unlimited")
target_port_found = finder("target_port")

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


def snapshot(*rows: PolicyRow, target: TargetView | None = None, **more: Any) -> Snapshot:
    base: dict[str, Any] = {
        "pods": (POD, API, NEAR, DNS_POD),
        "services": (DNS,),
        "namespaces": SPACES,
        "nodes": (NODE, OTHER),
    }
    return Snapshot(100.0, (target or pod(),), policies=rows, **{**base, **more})


def gaps(*rows: PolicyRow, **more: Any) -> dict[str, Finding]:
    return {f.rule: f for f in policy_gaps_found(snapshot(*rows, **more))}


def test_a_policy_that_selects_nothing() -> None:
    found = gaps(policy("typo", {"podSelector": {"matchLabels": {"app": "wbe"}}}))[
        "policy_selects_nothing"
    ]
    assert found.severity == "warning"
    assert any("app=web" in e.text for e in found.evidence)
    assert (
        gaps(policy("gone", {"podSelector": {"matchLabels": {"app": "zzzzz"}}}))[
            "policy_selects_nothing"
        ].severity
        == "info"
    )
    assert not gaps(policy("empty", {"podSelector": {"matchLabels": {"app": "x"}}}, "bank")), (
        "a namespace without pods"
    )
    assert not gaps(policy("good", {"podSelector": {"matchLabels": {"app": "web"}}}))


def out(*ports: tuple[int, str]) -> dict[str, Any]:
    rule = {"ports": [{"port": n, "protocol": p} for n, p in ports]}
    return {
        "podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Egress"],
        "egress": [rule],
    }


def test_dns_over_tcp_is_forgotten() -> None:
    found = gaps(policy("udp", out((5353, "UDP"))))["policy_cuts_dns_tcp"]
    (fix,) = yaml.safe_load_all(found.fix)
    assert fix["spec"]["podSelector"] == {"matchLabels": {"app": "web"}}, "it isolates nobody else"
    assert fix["spec"]["egress"][0]["ports"] == [{"port": 5353, "protocol": "TCP"}]
    assert not gaps(policy("both", out((5353, "UDP"), (5353, "TCP"))))


def test_the_port_behind_the_dns_service_is_what_counts() -> None:
    """OpenShift's DNS pods listen on 5353: a policy for 53 lets nothing out (network-policy sees it after DNAT)."""
    moment = snapshot(policy("p53", out((53, "UDP"), (53, "TCP"))))
    (found,) = (f for f in policies_found(moment) if f.rule == "policy_cuts_dns")
    assert any("listen on 5353" in e.text for e in found.evidence)
    (fix,) = yaml.safe_load_all(found.fix)
    assert {"port": 5353, "protocol": "UDP"} in fix["spec"]["egress"][0]["ports"]
    assert fix["spec"]["podSelector"] == {"matchLabels": {"app": "web"}}


def test_traffic_that_a_policy_denies_and_that_passes() -> None:
    deny = {"podSelector": {"matchLabels": {"app": "api"}}, "policyTypes": ["Ingress"]}
    passing = pod(conversations=(talk(answered=9, opened=90.0),))
    assert "policy_not_enforced" in gaps(policy("deny", deny, changed=10.0), target=passing)
    assert "policy_not_enforced" not in gaps(policy("deny", deny, changed=85.0), target=passing), (
        "it was changed just now"
    )
    silent = pod(conversations=(talk(answered=0, unanswered=9),))
    assert "policy_not_enforced" not in gaps(policy("deny", deny, changed=10.0), target=silent)


def test_namespaces_without_a_default_deny() -> None:
    deny = {"podSelector": {}, "policyTypes": ["Ingress"]}
    other = replace(API, namespace="bank", name="vault-1", ip="10.2.0.7")
    found = gaps(policy("deny", deny, "bank"), pods=(POD, other))["no_default_deny"]
    assert found.severity == "info"
    assert "shop" in found.title
    assert not gaps(
        policy("allow", {"podSelector": {}, "ingress": [{}]}, "bank"), pods=(POD, other)
    ), "nobody denies"


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


def open_(ingress: IngressRow, *services: ServiceRow) -> dict[str, Finding]:
    return {f.rule: f for f in exposure_found(snapshot(services=services, ingresses=(ingress,)))}


def test_a_way_around_the_ingress() -> None:
    found = open_(replace(INGRESS, tls=True), WEB)["ingress_bypass"]
    assert "30080" in found.title and "TLS" in found.title
    beside = replace(WEB, name="web-admin")
    assert (
        open_(INGRESS, replace(WEB, type="ClusterIP"), beside)["ingress_bypass"].where
        == "svc/shop/web-admin"
    )
    assert "ingress_bypass" not in open_(INGRESS, replace(WEB, type="ClusterIP"))
    assert not list(exposure_found(snapshot(services=(WEB,)))), (
        "a cluster without Ingresses opens ports on purpose"
    )


def test_ingresses_without_a_limit() -> None:
    assert "ingress_unlimited" in open_(INGRESS)
    limited = replace(INGRESS, annotations=(("nginx.ingress.kubernetes.io/limit-rps", "20"),))
    assert "ingress_unlimited" not in open_(limited)
    assert "ingress_unlimited" not in open_(replace(INGRESS, class_name="traefik")), (
        "others keep limits elsewhere"
    )


@pytest.mark.parametrize(
    ("local", "port", "said"),
    [
        ("0.0.0.0", 8080, ""),
        ("127.0.0.1", 8080, "listens on 127.0.0.1:8080 only"),
        ("10.1.0.5", 9090, "it listens on 9090"),
    ],
)
def test_listen_sockets_say_what_a_port_is_worth(local: str, port: int, said: str) -> None:
    """Whatever the containers declare."""
    listening = pod(sockets=(SocketRow("tcp", "LISTEN", local, port, "0.0.0.0", 0),))
    for declared in ((), (ContainerPort("", 1, "TCP"),)):
        row = replace(POD, ports=declared)
        moment = snapshot(target=replace(listening, pod=row), pods=(row, API), services=(WEB,))
        found = list(target_port_found(moment))
        assert bool(found) == bool(said)
        if said:
            assert said in found[0].title
            assert found[0].confidence == "certain"


def test_one_port_of_several_is_mended_and_the_others_are_left() -> None:
    two = replace(
        WEB, targets=(ServicePort("a", 80, "TCP", "8080"), ServicePort("b", 81, "TCP", "8181"))
    )
    row = replace(POD, ports=(ContainerPort("", 8080, "TCP"),))
    (found,) = target_port_found(snapshot(pods=(row, API), services=(two,)))
    assert '"path":"/spec/ports/1/targetPort"' in found.fix


def test_pods_with_equal_labels_are_one_case() -> None:
    """Thousands of replicas cost no more than one of them."""
    many = tuple(
        PodRow(
            "shop",
            f"web-{n}",
            "u",
            "n1",
            f"10.1.{n // 250}.{n % 250}",
            "Running",
            "1/1",
            0,
            0.0,
            labels=POD.labels,
        )
        for n in range(500)
    )
    moment = snapshot(policy("none", out((1, "UDP"))), pods=(*many, DNS_POD))
    cases = list(dns_decisions(moment, policy_context(moment)))
    assert [len(case.pods) for case in cases] == [500]


def sights(here: Any, there: Any = None) -> list[str]:
    """What is said of web-1 → api-1:8080, from what each of them saw."""
    views = [pod(conversations=(talk(**here),) if here else ())]
    if there is not None:
        views.append(
            replace(
                pod(conversations=(talk(**there),) if there else ()), key="pod/shop/api-1", pod=API
            )
        )
    return proof(Snapshot(100.0, tuple(views), (POD, API)), POD, API, "8080", "TCP")


def test_the_proof_beside_a_verdict() -> None:
    lost = {"flows": 4, "answered": 0, "unanswered": 4}
    refused = {"flows": 4, "answered": 0, "refused": 4}
    assert sights({"flows": 4, "answered": 4}, {"flows": 4, "answered": 4}) == [
        "at web-1: 4 left, 4 answered",
        "at api-1: 4 arrived, 4 answered",
    ]
    assert sights(lost, {})[1:] == [
        "at api-1: none arrived",
        "dropped between the two: it leaves here and arrives nowhere",
    ]
    assert "no answer comes back" in sights(lost, lost)[-1]
    assert sights(refused, refused)[-1] == "refused by api-1 itself: nothing listens there"
    assert "never reached a pod" in sights(refused, {})[-1]
    assert "open the pod on the other side" in sights(lost)[-1]
    assert sights({}, {}) == []


def test_the_proof_of_a_service_is_at_its_pods() -> None:
    service = ServiceRow(
        "shop",
        "api",
        ("10.96.0.2",),
        (),
        "ClusterIP",
        (("app", "api"),),
        (ServicePort("", 80, "TCP", "8080"),),
    )
    asked = replace(talk(flows=3, answered=0, unanswered=3), server="10.96.0.2", port=80)
    views = (pod(conversations=(asked,)), replace(pod(), key="pod/shop/api-1", pod=API))
    said = proof(Snapshot(100.0, views, (POD, API)), POD, service, "80", "TCP")
    assert said == [
        "at web-1: 3 left, 3 without an answer",
        "at api-1: none arrived",
        "dropped between the two: it leaves here and arrives nowhere",
    ]
