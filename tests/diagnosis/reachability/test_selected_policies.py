"""What is remembered of ends that are alike says of each what is so of it."""

from __future__ import annotations

from dataclasses import replace

from collectors.events import ContainerPort, PolicyRow
from diagnosis.reachability.parties import Party
from diagnosis.reachability.policy_set import PolicySet

CLIENT = Party("web/front", ("10.0.1.1",), "web", {"app": "front"}, {}, node="n1")
ONE = Party("db/one", ("10.0.2.1",), "db", {"app": "store"}, {"house": "db"}, node="n2")
PORTS = (ContainerPort("pg", 5432, "TCP"),)


def known(spec: str) -> PolicySet:
    return PolicySet.of([PolicyRow("db", "p", spec)])


def test_each_end_is_named_by_itself() -> None:
    policies = known('{"podSelector": {}, "policyTypes": ["Ingress"]}')
    for name in ("db/one", "db/two"):
        said = policies.verdict(CLIENT, replace(ONE, name=name), 80, "TCP")
        assert said.denied and f"isolates {name}" in said.decided_by.reason


def test_what_differs_is_asked_again() -> None:
    spec = '"ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": "pg"}]}]'
    policies = known(f'{{"podSelector": {{"matchLabels": {{"app": "store"}}}}, {spec}}}')
    own = replace(CLIENT, namespace="db")
    asked = [
        (own, replace(ONE, ports=PORTS), "allowed"),
        (own, ONE, "denied"),
        (CLIENT, replace(ONE, ports=PORTS), "denied"),
        (CLIENT, replace(ONE, labels={"app": "other"}), "allowed"),
        (CLIENT, replace(ONE, host=True), "allowed"),
        (own, replace(ONE, ports=PORTS), "allowed"),
    ]
    for source, destination, verdict in asked:
        assert policies.verdict(source, destination, 5432, "TCP").verdict == verdict


def test_a_doubt_is_nobody_elses() -> None:
    policies = known('{"podSelector": {"matchLabels": {"hash": "x"}}, "ingress": []}')
    for name in ("db/one", "db/two"):
        end = replace(ONE, name=name, generated_labels=("hash",))
        (because,) = policies.verdict(CLIENT, end, 80, "TCP").unknown_because
        assert name in because
