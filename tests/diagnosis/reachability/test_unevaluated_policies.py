"""Kinds that are known and not evaluated, beside what is; each kind by itself is in the table of
docs/policy-coverage.md."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.cluster.api.foreign_kinds import UNEVALUATED_KINDS
from collectors.cluster.inventory.foreign_policies import foreign_row
from collectors.events import ForeignPolicyRow, PolicyRow
from diagnosis.reachability import local_redirects
from diagnosis.reachability.blind_spots import CUTTING, FOREIGN, BlindSpot, BlindSpots
from diagnosis.reachability.parties import Party
from diagnosis.reachability.policy_set import PolicySet
from diagnosis.reachability.unevaluated_policies import READERS, is_unevaluated, title_of
from diagnosis.reachability.verdicts import Verdict

CLIENT = Party("web/front", ("10.0.1.1",), "web", {"app": "front"}, {}, node="n1")
SERVER = Party("db/store", ("10.0.2.1",), "db", {"app": "store"}, {}, node="n2")
OWN_NODE = Party("node/n2", ("192.168.0.2",), labels={}, node="n2", host=True)
DENY = PolicyRow("db", "deny", '{"podSelector": {}, "policyTypes": ["Ingress"]}')


def row(api_version: str, kind: str, spec: dict[str, Any], namespace: str = "db") -> Any:
    body = {"metadata": {"name": "p", "namespace": namespace}, "spec": spec}
    return foreign_row(body, api_version, kind)


ISTIO = row("security.istio.io/v1", "AuthorizationPolicy", {})
CILIUM = row("cilium.io/v2", "CiliumNetworkPolicy", {"endpointSelector": {}, "ingress": []})


def asked(
    *rows: ForeignPolicyRow, policies: tuple[PolicyRow, ...] = (), blind: BlindSpots | None = None
) -> Verdict:
    known = PolicySet.of(policies, rows, blind=blind or BlindSpots())
    return known.verdict(CLIENT, SERVER, 5432, "TCP")


def test_every_kind_has_a_reading() -> None:
    known = {(one.group, one.kind) for one in UNEVALUATED_KINDS}
    assert known - set(READERS) == {("cilium.io", local_redirects.KIND)}
    assert set(READERS) <= known


def test_who_decides_is_named_and_no_rule_of_it() -> None:
    decision = asked(ISTIO).decided_by
    assert decision.verdict == "unknown" and decision.rule is None
    assert (decision.kind, decision.policy) == ("Istio AuthorizationPolicy", "db/p")
    assert decision.reason == "it may be that Istio AuthorizationPolicy db/p denies it"


@pytest.mark.parametrize(("kind", "denied"), [(CUTTING, "denied"), (FOREIGN, "unknown")])
def test_a_list_that_was_refused(kind: str, denied: str) -> None:
    """What may only cut cannot allow what is denied."""
    blind = BlindSpots((BlindSpot(kind, "no"),))
    assert asked(blind=blind).verdict == "unknown"
    assert asked(policies=(DENY,), blind=blind).verdict == denied


def test_a_node_reaches_its_own_pods_all_the_same() -> None:
    for rows in ([ISTIO], [ISTIO, CILIUM]):
        known = PolicySet.of((), rows)
        assert known.verdict(OWN_NODE, SERVER, 5432, "TCP").verdict == "allowed"


@pytest.mark.parametrize(
    ("version", "kind", "spec"),
    [
        ("security.istio.io/v1", "AuthorizationPolicy", {"selector": 5}),
        ("security.istio.io/v1", "AuthorizationPolicy", {"action": "DENY", "rules": [{"to": 1}]}),
        ("security.istio.io/v1", "PeerAuthentication", {"mtls": "STRICT"}),
        ("policy.linkerd.io/v1", "Server", {"podSelector": {}, "port": []}),
        ("k8s.ovn.org/v1", "EgressFirewall", {"egress": [{"type": "Deny", "to": "x"}]}),
        ("crd.antrea.io/v1beta1", "ClusterNetworkPolicy", {"ingress": ["x"]}),
        ("kubeovn.io/v1", "Subnet", {"acls": "x"}),
        ("cilium.io/v2", local_redirects.KIND, {"redirectFrontend": {"addressMatcher": [1]}}),
    ],
)
def test_what_is_not_of_its_apis_shape_is_named(
    version: str, kind: str, spec: dict[str, Any]
) -> None:
    odd = row(version, kind, spec)
    found = asked(odd)
    assert found.verdict == "unknown" and kind in " ".join(found.unknown_because)


def test_titles_name_whose_it_is() -> None:
    titles = {
        title_of(row(f"{one.group}/v1", one.kind, {}))
        for one in UNEVALUATED_KINDS
        if is_unevaluated(row(f"{one.group}/v1", one.kind, {}))
    }
    assert {"Istio AuthorizationPolicy", "Linkerd AuthorizationPolicy"} <= titles
    assert "CiliumEgressGatewayPolicy" in titles
