"""What was not seen, as `check` says it in its first line."""

from __future__ import annotations

from diagnosis.reachability.blind_spots import FOREIGN, BlindSpot, not_evaluated


def test_a_list_of_one_namespace_is_not_nothing() -> None:
    """Whoever may list a namespace of their own has seen something."""
    own = BlindSpot("pods", "in others they may not be listed", frozenset(("shop",)))
    assert (own.unseen, own.total) == ("pods outside shop", False)
    refused = BlindSpot("nodes", "nodes is forbidden")
    assert (refused.unseen, refused.total) == ("nodes", True)


def test_policies_of_unknown_apis_are_named_and_others_are_not() -> None:
    others = {
        ("crd.antrea.io/v1beta1", "ClusterNetworkPolicy"): ("a",),
        ("security.istio.io/v1", "AuthorizationPolicy"): ("shop/b",),
        ("serving.knative.dev/v1", "Service"): ("shop/c",),
    }
    spots = list(not_evaluated(others))
    assert [spot.kind for spot in spots] == [FOREIGN, FOREIGN]
    assert "ClusterNetworkPolicy of crd.antrea.io/v1beta1 (a) is not evaluated" in spots[0].text
    assert not spots[0].total, "the list itself was read"
