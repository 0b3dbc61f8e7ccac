"""Policies of other APIs as their servers judge them: what is refused, and what never may be."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from collectors.errors import ConfigError
from collectors.manifests import reading
from tests.support.foreign_policies import KINDS, cases, policy


def read(folder: Path, body: dict[str, Any]) -> reading.Manifests:
    path = folder / "policy.json"
    path.write_text(json.dumps(body))
    return reading.read([path])


@pytest.mark.parametrize("case", cases("refused.yaml"), ids=lambda case: str(case["says"])[:70])
def test_it_is_refused_and_the_field_is_named(tmp_path: Path, case: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, policy(case))
    first, *_ = str(error.value).splitlines()
    kind = KINDS[case["kind"]][1]
    assert first.startswith(f"{tmp_path}/policy.json:1: {kind} ")
    assert case["says"] in first


@pytest.mark.parametrize("case", cases("accepted.yaml"), ids=lambda case: str(case)[:70])
def test_it_is_accepted(tmp_path: Path, case: dict[str, Any]) -> None:
    found = read(tmp_path, policy(case))
    assert [row.object_kind for row in found.foreign] == [KINDS[case["kind"]][1]]


@pytest.mark.parametrize("case", cases("accepted.yaml")[::6], ids=lambda case: str(case)[:70])
def test_one_field_too_many_is_refused(tmp_path: Path, case: dict[str, Any]) -> None:
    body = {**policy(case), "spec": {**(case["spec"] or {}), "nonsense": 1}}
    with pytest.raises(ConfigError, match=r"spec\.nonsense: unknown field"):
        read(tmp_path, body)


def test_a_newer_field_that_a_server_has_printed_is_accepted(tmp_path: Path) -> None:
    body = policy({"kind": "calico", "spec": {"later": 1}})
    body["metadata"]["uid"] = "1"
    assert read(tmp_path, body).foreign[0].spec == {"later": 1}


def test_a_key_that_is_there_twice(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: p}\n"
        "spec:\n  selector: all()\n  selector: has(a)\n"
    )
    with pytest.raises(ConfigError, match=r"policy\.yaml: line 6, .*'selector'"):
        reading.read([path])


@pytest.mark.parametrize(
    ("api_version", "kind", "meant"),
    [
        ("policy.networking.k8s.io/v1alpha1", "ClusterNetworkPolicy", "k8s.io/v1alpha2 Cluster"),
        ("policy.networking.k8s.io/v1alpha2", "AdminNetworkPolicy", "k8s.io/v1alpha1 Admin"),
        ("cilium.io/v2", "CiliumNetworkPolcy", "cilium.io/v2 CiliumNetworkPolicy"),
        ("projectcalico.org/v3", "networkPolicy", "projectcalico.org/v3 NetworkPolicy"),
    ],
)
def test_no_such_kind(tmp_path: Path, api_version: str, kind: str, meant: str) -> None:
    body = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}, "spec": {}}
    with pytest.raises(ConfigError, match=rf"no kind {api_version} {kind} \(perhaps .*{meant}"):
        read(tmp_path, body)


@pytest.mark.parametrize(
    "kind", ["StagedNetworkPolicy", "BGPPeer", "StagedGlobalNetworkPolicy", "FelixConfiguration"]
)
def test_another_kind_of_the_same_api(tmp_path: Path, kind: str) -> None:
    body = {"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": {"name": "a"}}
    assert ("projectcalico.org/v3", kind) in read(tmp_path, body).others


def test_a_version_that_is_not_known_is_left_to_who_evaluates(tmp_path: Path) -> None:
    body = {**policy({"kind": "cilium", "spec": {"x": 1}}), "apiVersion": "cilium.io/v3"}
    assert read(tmp_path, body).foreign[0].spec == {"x": 1}


@pytest.mark.parametrize(
    "text", ["a" * 60 + "!", "-" * 5_000 + "!", "a." * 3_000, "a-" * 3_000 + "_", "*" * 4_000 + "+"]
)
def test_no_text_needs_exponential_time(tmp_path: Path, text: str) -> None:
    rule = {
        "toFQDNs": [{"matchPattern": text}, {"matchName": text}],
        "toPorts": [{"ports": [{"port": text}], "serverNames": [text]}],
    }
    start = perf_counter()
    with pytest.raises(ConfigError):
        read(
            tmp_path, policy({"kind": "cilium", "spec": {"endpointSelector": {}, "egress": [rule]}})
        )
    assert perf_counter() - start < 1
