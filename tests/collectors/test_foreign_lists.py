"""Policies of other APIs in a cluster: discovered, listed, watched; what is not seen is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collectors import events as ev
from collectors.cluster.api import access_review
from collectors.cluster.api.connection import connect
from collectors.cluster.inventory.foreign_policies import (
    CUTTING,
    DEEPEST,
    KIND,
    foreign_row,
    safe_json,
)
from session.store import Store
from tests.support.fake_api import FakeApi, served
from tests.support.followed_inventory import followed

CALICO = "/apis/projectcalico.org/v3"
CNP = "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies"
CILIUM = "/apis/cilium.io/v2/ciliumnetworkpolicies"
POLICIES = "/apis/networking.k8s.io/v1/networkpolicies"
GROUPS = {
    "policy.networking.k8s.io/v1alpha2": [
        "clusternetworkpolicies",
        "clusternetworkpolicies/status",
    ],
    "policy.networking.k8s.io/v1alpha1": ["adminnetworkpolicies", "baselineadminnetworkpolicies"],
    "cilium.io/v2": ["ciliumnetworkpolicies", "ciliumnodes"],
    "apps/v1": ["deployments"],
}


def item(name: str, namespace: str = "", **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"a": "b"}, "resourceVersion": "2"}
    if namespace:
        metadata["namespace"] = namespace
    return {"metadata": metadata, "spec": spec}


def titles(store: Store) -> list[str]:
    return sorted(
        f"{row.object_kind} {row.namespace}/{row.name}"
        for row in store.rows(KIND)
        if isinstance(row, ev.ForeignPolicyRow)
    )


async def test_what_is_served_is_listed_and_watched(tmp_path: Path) -> None:
    api = FakeApi(groups=GROUPS)
    api.items[CNP] = [item("default", tier="Admin")]
    api.items["/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies"] = [item("default")]
    api.items[CILIUM] = [{"metadata": {"name": "c", "namespace": "shop"}, "specs": [{"x": [1]}]}]
    async with followed(api, tmp_path) as (store, until):
        await until(lambda: KIND in store.inventory)
        assert titles(store) == [
            "AdminNetworkPolicy /default",
            "CiliumNetworkPolicy shop/c",
            "ClusterNetworkPolicy /default",
        ], "of one name, and yet three"
        assert store.coverage(KIND).complete
        await until(lambda: CILIUM in api.watches and CNP in api.watches)
        api.send(CILIUM, "ADDED", item("d", "shop", order=1))
        api.send(CNP, "DELETED", item("default"))
        await until(lambda: "CiliumNetworkPolicy shop/d" in titles(store))
        await until(lambda: "ClusterNetworkPolicy /default" not in titles(store))
        assert "AdminNetworkPolicy /default" in titles(store)
        assert api.requests.count("/apis") == 1, "discovered once"


async def test_what_may_only_cut_is_a_list_of_its_own(tmp_path: Path) -> None:
    istio = "/apis/security.istio.io/v1/authorizationpolicies"
    groups = {"security.istio.io/v1": ["authorizationpolicies", "requestauthentications"]}
    api = FakeApi(groups={**GROUPS, **groups}, items={CILIUM: [item("c", "shop")]})
    api.items[istio] = [item("who", "shop", action="DENY")]
    async with followed(api, tmp_path) as (store, until):
        await until(lambda: KIND in store.inventory and CUTTING in store.inventory)
        assert [row.name for row in store.rows(CUTTING)] == ["who"]
        assert titles(store) == ["CiliumNetworkPolicy shop/c"]
    api.refused |= {istio, istio.replace("/auth", "/namespaces/shop/auth")}
    async with followed(api, tmp_path) as (store, until):
        await until(lambda: CUTTING in store.refused and KIND in store.inventory)
        assert "authorizationpolicies" in store.coverage(CUTTING).detail
        assert store.coverage(KIND).complete, "the others are known all the same"


async def test_a_cluster_without_any_has_a_complete_empty_list(tmp_path: Path) -> None:
    async with followed(FakeApi(), tmp_path) as (store, until):
        assert store.coverage(KIND).state == "pending"
        await until(lambda: KIND in store.inventory)
        assert store.rows(KIND) == [] and store.coverage(KIND).complete


async def test_what_may_not_be_listed_is_said_beside_what_may(tmp_path: Path) -> None:
    api = FakeApi(groups=GROUPS, refused={CNP})
    api.items[CILIUM] = [item("c", "shop")]
    async with followed(api, tmp_path) as (store, until):
        await until(lambda: KIND in store.refused)
        assert titles(store) == ["CiliumNetworkPolicy shop/c"]
        coverage = store.coverage(KIND)
        assert coverage.state == "refused" and "clusternetworkpolicies" in coverage.detail
        assert "are not all known" in coverage.reason and not coverage.covers("shop")


@pytest.mark.parametrize("everything", [True, False])
async def test_our_own_namespace_only(tmp_path: Path, everything: bool) -> None:
    api = FakeApi(groups=GROUPS, refused={POLICIES, CILIUM})
    if everything:
        api.refused |= {POLICIES.replace("/networkp", "/namespaces/shop/networkp")}
    api.items[POLICIES] = [item("mine", "shop"), item("deny", "data")]
    api.items[CILIUM] = [item("c", "shop"), item("other", "data")]
    async with followed(api, tmp_path) as (store, until):
        await until(lambda: KIND in store.inventory and store.coverage("networkpolicies").detail)
        coverage = store.coverage("networkpolicies")
        if everything:
            assert coverage.state == "refused"
        else:
            assert [row.name for row in store.rows("networkpolicies")] == ["mine"]
            assert (coverage.state, coverage.detail) == ("namespace", "shop")
            assert coverage.covers("shop") and not coverage.covers("data")
            assert coverage.reason == "networkpolicies are listed in the namespace shop only"
        assert titles(store) == ["CiliumNetworkPolicy shop/c"]
        assert store.coverage(KIND).covers("shop") and not store.coverage(KIND).complete


async def test_calico_serves_its_objects_twice(tmp_path: Path) -> None:
    storage = "/apis/crd.projectcalico.org/v1/globalnetworkpolicies"
    api = FakeApi(
        groups={
            "projectcalico.org/v3": ["globalnetworkpolicies", "networkpolicies", "tiers"],
            "crd.projectcalico.org/v1": ["globalnetworkpolicies", "ippools"],
        }
    )
    api.items[f"{CALICO}/globalnetworkpolicies"] = [item("g", order=1)]
    api.items[storage] = [item("default.g", order=1)]
    async with followed(api, tmp_path) as (store, until):
        await until(lambda: KIND in store.inventory)
        assert titles(store) == ["GlobalNetworkPolicy /g"]
    api.failing = {CALICO}
    async with followed(api, tmp_path) as (store, until):
        await until(lambda: KIND in store.inventory)
        assert titles(store) == ["GlobalNetworkPolicy /default.g"]
        assert "projectcalico.org/v3 could not be discovered" in store.coverage(KIND).detail


async def test_where_discovery_is_refused_nobody_knows(tmp_path: Path) -> None:
    async with followed(FakeApi(refused={"/apis"}), tmp_path) as (store, until):
        await until(lambda: KIND in store.refused)
        assert store.coverage(KIND).state == "refused"


async def test_a_list_that_fails_is_pending_and_says_why(tmp_path: Path) -> None:
    async with followed(FakeApi(failing={"/api/v1/pods"}), tmp_path) as (store, until):
        await until(lambda: store.coverage("pods").detail)
        coverage = store.coverage("pods")
        assert coverage.state == "pending" and "500" in coverage.reason


def test_specifications_are_safe_and_bounded() -> None:
    row = foreign_row({"metadata": {"name": "a\x1b"}, "spec": {"a\x07": ["\x9b"]}}, "x/v1", "P")
    assert (row.name, row.spec) == ("a␛", {"a␇": ["⟨009B⟩"]})
    deep: Any = "x"
    for _ in range(DEEPEST + 1):
        deep = [deep]
    with pytest.raises(ValueError, match="nested deeper"):
        safe_json(deep)
    odd: dict[str, Any]
    for odd in ({"spec": [1]}, {"spec": "x"}, {"metadata": [1]}, {"metadata": {"labels": 3}}):
        with pytest.raises((ValueError, TypeError, AttributeError)):
            foreign_row(odd, "x/v1", "P")


async def test_what_cannot_be_read_is_not_left_out_in_silence(tmp_path: Path) -> None:
    api = FakeApi(groups=GROUPS, items={CILIUM: [item("c", "shop")], POLICIES: [item("p", "shop")]})
    api.items[POLICIES].append({"metadata": {"name": "odd", "managedFields": 3}})
    async with followed(api, tmp_path) as (store, until):
        await until(lambda: KIND in store.inventory and "networkpolicies" in store.inventory)
        assert store.coverage("networkpolicies").detail == "1 of them are of an unknown shape"
        await until(lambda: CILIUM in api.watches)
        api.items[CILIUM].append({"metadata": {"name": "odd"}, "spec": "x"})
        api.send(CILIUM, "ADDED", api.items[CILIUM][-1])
        await until(lambda: not store.coverage(KIND).complete)
        assert store.coverage(KIND).detail == (
            "ciliumnetworkpolicies.cilium.io: 1 of them are of an unknown shape"
        )
        assert titles(store) == ["CiliumNetworkPolicy shop/c"]


async def test_the_rights_to_list_them_are_asked_for_where_they_are_served(tmp_path: Path) -> None:
    async with served(FakeApi(groups=GROUPS), tmp_path) as kubeconfig:
        cluster = await connect(str(kubeconfig))
        rows = await access_review.review(cluster, "shop")
        await cluster.close()
    found = [(row.use, row.rights, row.namespace) for row in rows if "policies (" in row.use]
    assert found == [
        (
            "policies (ClusterNetworkPolicy)",
            "list watch clusternetworkpolicies.policy.networking.k8s.io",
            "",
        ),
        (
            "policies (AdminNetworkPolicy)",
            "list watch adminnetworkpolicies.policy.networking.k8s.io",
            "",
        ),
        (
            "policies (BaselineAdminNetworkPolicy)",
            "list watch baselineadminnetworkpolicies.policy.networking.k8s.io",
            "",
        ),
        (
            "policies (CiliumNetworkPolicy)",
            "list watch ciliumnetworkpolicies.cilium.io",
            "shop",
        ),
    ]
