"""All policies of a cluster together: plugins side by side, and objects that are not of their API's shape."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from collectors.events import ForeignPolicyRow, PolicyRow
from diagnosis.reachability.parties import Party
from diagnosis.reachability.policy_set import PolicySet
from tests.support.examples import examples

CLIENT = Party("web/front", ("10.0.1.1",), "web", {"app": "front"}, {}, node="n1")
SERVER = Party("db/store", ("10.0.2.1",), "db", {"app": "store"}, {}, node="n2")
CALICO = ("projectcalico.org/v3", "GlobalNetworkPolicy")
CILIUM = ("cilium.io/v2", "CiliumClusterwideNetworkPolicy")
ADMIN = ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy")


def row(kind: tuple[str, str], spec: dict[str, Any]) -> ForeignPolicyRow:
    return ForeignPolicyRow("", "p", kind[0], kind[1], spec)


def outcome(*rows: ForeignPolicyRow, policies: tuple[PolicyRow, ...] = ()) -> tuple[str, str]:
    said = PolicySet.of(policies, rows).verdict(CLIENT, SERVER, 5432, "TCP")
    return said.verdict, " ".join(said.unknown_because)


def test_two_plugins_that_disagree() -> None:
    deny = row(CALICO, {"types": ["Ingress"]})
    allow = row(CILIUM, {"endpointSelector": {}, "ingress": [{"fromEntities": ["all"]}]})
    verdict, because = outcome(deny, allow)
    assert verdict == "unknown" and "Calico and Cilium" in because
    nobody = row(CILIUM, {"endpointSelector": {}, "ingress": [{}]})
    assert outcome(deny, nobody)[0] == "denied"


def test_an_ip_block_that_two_plugins_read_differently() -> None:
    spec = '{"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]}'
    policies = (PolicyRow("db", "np", spec),)
    calico = row(CALICO, {"selector": "app == 'other'", "types": ["Ingress"]})
    cilium = row(CILIUM, {"endpointSelector": {"matchLabels": {"app": "other"}}, "ingress": [{}]})
    assert outcome(calico, policies=policies)[0] == "allowed"
    assert outcome(cilium, policies=policies)[0] == "denied"
    assert outcome(calico, cilium, policies=policies)[0] == "unknown"


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        (CALICO, {"ingress": "x"}),
        (CALICO, {"ingress": [5]}),
        (CALICO, {"ingress": [{"action": "Allow", "source": [1]}]}),
        (CILIUM, {"endpointSelector": 5}),
        (CILIUM, {"endpointSelector": {}, "ingress": [{"toPorts": [{"ports": [7]}]}]}),
        (ADMIN, {"tier": "Admin", "priority": "high", "subject": {"namespaces": {}}}),
        (ADMIN, {"tier": "Admin", "priority": 1, "subject": 3}),
    ],
)
def test_what_is_not_of_its_apis_shape_is_named(
    kind: tuple[str, str], spec: dict[str, Any]
) -> None:
    verdict, because = outcome(row(kind, spec))
    assert verdict == "unknown", because
    assert "not of the shape" in because or "not evaluated" in because or "p" in because


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 70_000) | st.sampled_from(["", "x", "Allow", "80"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "ingress",
                    "egress",
                    "ingressDeny",
                    "selector",
                    "source",
                    "destination",
                    "action",
                    "ports",
                    "nets",
                    "endpointSelector",
                    "matchLabels",
                    "fromEndpoints",
                    "toPorts",
                    "toCIDR",
                    "fromEntities",
                    "specs",
                    "tier",
                    "priority",
                    "subject",
                    "namespaces",
                    "pods",
                    "from",
                    "to",
                    "protocols",
                    "tcp",
                    "order",
                    "types",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=14,
)
SPECS = st.dictionaries(
    st.sampled_from(
        [
            "ingress",
            "egress",
            "ingressDeny",
            "selector",
            "endpointSelector",
            "tier",
            "priority",
            "subject",
            "order",
            "types",
            "specs",
        ]
    ),
    JSON,
    max_size=6,
)


@given(st.sampled_from([CALICO, CILIUM, ADMIN]), SPECS)
@settings(max_examples=examples(400), deadline=None)
def test_no_specification_is_a_traceback(kind: tuple[str, str], spec: dict[str, Any]) -> None:
    assert outcome(row(kind, spec))[0] in ("allowed", "denied", "unknown")
