"""Lists of a cluster: an answer that is not a list is not the list of a cluster that has none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from session.blind_spots import blind_spots
from tests.support.fake_api import FakeApi
from tests.support.followed_inventory import followed

pytestmark = pytest.mark.slow

POLICIES = "/apis/networking.k8s.io/v1/networkpolicies"
LIST = b'{"kind": "NetworkPolicyList", "metadata": {"resourceVersion": "5"}, "items": []}'
STATUS = {"kind": "Status", "status": "Failure", "code": 500, "message": "etcd is away"}
NO_LISTS = {
    "HTML": (b"<html>log in</html>", "is not a JSON object"),
    "cut": (LIST[:50], "or was cut"),
    "nothing": (b"", "answered 200 with nothing"),
    "a status": (json.dumps(STATUS).encode(), "etcd is away"),
    "no items": (b'{"error": "log in"}', "has no items, but error"),
    "items of another type": (b'{"items": {"a": 1}}', "is not a list"),
    "no object": (b"[]", "is not a JSON object"),
    "deep": (b'{"items": ' + b"[" * 100_000, "is not a JSON object"),
}


@pytest.mark.parametrize("body", NO_LISTS)
async def test_what_is_no_list_was_not_listed(tmp_path: Path, body: str) -> None:
    sent, said = NO_LISTS[body]
    async with followed(FakeApi(bodies={POLICIES: sent}), tmp_path) as (store, until):
        await until(lambda: store.coverage("networkpolicies").detail)
        spot = blind_spots(store).at("networkpolicies", "shop")
        assert spot is not None and said in spot.text
        assert "networkpolicies" not in store.inventory


async def test_items_that_are_null_are_an_empty_list(tmp_path: Path) -> None:
    api = FakeApi(bodies={POLICIES: LIST.replace(b"[]", b"null")})
    async with followed(api, tmp_path) as (store, until):
        await until(lambda: "networkpolicies" in store.inventory)
        assert store.coverage("networkpolicies").complete


@pytest.mark.parametrize("path", ["/apis", "/apis/cilium.io/v2"])
async def test_discovery_that_is_none_hides_policies(tmp_path: Path, path: str) -> None:
    groups = {"cilium.io/v2": ["ciliumnetworkpolicies"]}
    api = FakeApi(groups=groups, bodies={path: b'{"kind": "Hello"}'})
    async with followed(api, tmp_path) as (store, until):
        await until(lambda: store.coverage("foreignpolicies").detail)
        assert not store.coverage("foreignpolicies").complete
