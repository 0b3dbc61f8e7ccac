"""What was not seen, as `check` says it in its first line."""

from __future__ import annotations

import pytest

from diagnosis.reachability.blind_spots import FOREIGN, BlindSpot, not_evaluated, noted


def test_a_list_of_one_namespace_is_not_nothing() -> None:
    """Whoever may list a namespace of their own has seen something."""
    own = BlindSpot("pods", "in others they may not be listed", frozenset(("shop",)))
    assert (own.unseen, own.total) == ("pods outside shop", False)
    refused = BlindSpot("nodes", "nodes is forbidden")
    assert (refused.unseen, refused.total) == ("nodes", True)


def test_policies_of_unknown_apis_are_named_and_others_are_not() -> None:
    others = {
        ("acme.example/v1", "TenantNetworkPolicy"): ("a",),
        ("acme.example/v1", "HostFirewall"): ("shop/b",),
        ("serving.knative.dev/v1", "Service"): ("shop/c",),
    }
    (spot,) = not_evaluated(others)
    assert spot.kind == FOREIGN
    assert "TenantNetworkPolicy of acme.example/v1 (a) is not evaluated" in spot.text
    assert not spot.total, "the list itself was read"
    (note,) = noted(others)
    assert "HostFirewall of acme.example/v1 (shop/b) is not known" in note


@pytest.mark.parametrize(
    "kind",
    [
        ("policy/v1", "PodDisruptionBudget"),
        ("kyverno.io/v1", "ClusterPolicy"),
        ("kyverno.io/v2", "PolicyException"),
        ("constraints.gatekeeper.sh/v1beta1", "K8sPSPPolicy"),
        ("gateway.networking.k8s.io/v1alpha3", "BackendTLSPolicy"),
        ("gateway.envoyproxy.io/v1alpha1", "SecurityPolicy"),
        ("policy.cert-manager.io/v1alpha1", "CertificateRequestPolicy"),
        ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"),
        ("projectcalico.org/v3", "StagedNetworkPolicy"),
        ("projectcalico.org/v3", "StagedKubernetesNetworkPolicy"),
        ("k8s.cni.cncf.io/v1beta1", "MultiNetworkPolicy"),
        ("k8s.ovn.org/v1", "AdminPolicyBasedExternalRoute"),
        ("networking.k8s.aws/v1alpha1", "PolicyEndpoint"),
        ("wgpolicyk8s.io/v1alpha2", "PolicyReport"),
    ],
)
def test_what_cuts_nothing_is_not_spoken_of(kind: tuple[str, str]) -> None:
    others = {kind: ("shop/a",)}
    assert not [*not_evaluated(others), *noted(others)]
