"""Whose reading of ipBlock counts, by what shows which plugin is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from collectors.events import ForeignPolicyRow, PodRow, SettingsRow
from diagnosis.reachability.deliveries import PathVerdict
from diagnosis.reachability.plugin_evidence import ip_blocks
from tests.support.reachability import ask, cluster_of_text

POD = PodRow("kube-system", "a", "u", "n1", "192.168.0.1", "Running", "1/1", 0, 0.0)
CASES = [
    ((), (), (), "either"),
    (("flannel",), (), (), "everywhere"),
    (("calico ippools",), (), (), "everywhere"),
    (("cilium",), (), (), "outside"),
    (("cilium", "flannel"), (), (), "outside"),
    (("kube-proxy",), (), (), "either"),
    ((), ("cilium.io",), (), "outside"),
    ((), ("cilium.io", "projectcalico.org"), (), "either"),
    ((), ("security.istio.io",), (), "either"),
    ((), ("networking.gke.io",), (), "outside"),
    ((), ("vpcresources.k8s.aws",), (), "everywhere"),
    ((), (), ("DaemonSet/cilium",), "outside"),
    ((), (), ("DaemonSet/cilium", "DaemonSet/aws-node"), "outside"),
    ((), (), ("DaemonSet/kube-router",), "everywhere"),
    ((), (), ("Deployment/cilium", "DaemonSet/kube-proxy"), "either"),
]


@pytest.mark.parametrize(("settings", "groups", "agents", "reading"), CASES)
def test_what_shows_it(
    settings: Sequence[str], groups: Sequence[str], agents: Sequence[str], reading: str
) -> None:
    rows = [SettingsRow(name, "c", ()) for name in settings]
    foreign = [ForeignPolicyRow("", "p", f"{group}/v1", "K", {}) for group in groups]
    pods = [replace(POD, workload=workload) for workload in agents]
    assert ip_blocks(rows, foreign, pods) == reading


def pod(name: str, address: str, owner: str = "") -> dict[str, object]:
    metadata: dict[str, object] = {"name": name, "namespace": "shop", "labels": {"app": name}}
    if owner:
        reference = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": owner, "uid": "u"}
        metadata["ownerReferences"] = [{**reference, "controller": True}]
    status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
    spec = {"nodeName": "n1", "containers": [{"name": "c", "image": "i"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


def answers(tmp_path: Path, block: Mapping[str, object], owner: str = "") -> list[PathVerdict]:
    """From a pod within 10.0.0.0/8, and from outside."""
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "p", "namespace": "shop"},
        "spec": {
            "podSelector": {"matchLabels": {"app": "db"}},
            "ingress": [{"from": [{"ipBlock": block}]}],
        },
    }
    objects = [pod("web", "10.0.0.1"), pod("db", "10.0.0.2"), pod("agent", "10.0.0.3", owner)]
    cluster = cluster_of_text(tmp_path, yaml.safe_dump_all([*objects, policy]))
    return [ask(cluster, source, "shop/db", "80") for source in ("shop/web", "203.0.113.9")]


def verdicts(tmp_path: Path, block: Mapping[str, object], owner: str = "") -> list[str]:
    return [one.verdict for one in answers(tmp_path, block, owner)]


def test_it_is_asked_only_where_the_reading_decides(tmp_path: Path) -> None:
    assert verdicts(tmp_path, {"cidr": "10.0.0.0/8"}) == ["unknown", "denied"]
    assert verdicts(tmp_path, {"cidr": "10.0.0.0/8"}, "kube-router") == ["allowed", "denied"]
    assert verdicts(tmp_path, {"cidr": "10.0.0.0/8"}, "cilium") == ["denied", "denied"]
    assert verdicts(tmp_path, {"cidr": "192.0.2.0/24"}) == ["denied", "denied"]
    everything_but = {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/24"]}
    assert verdicts(tmp_path, everything_but) == ["denied", "allowed"]


def test_a_block_of_all_addresses_is_everybody_and_says_who_reads_it_otherwise(
    tmp_path: Path,
) -> None:
    inside, outside = answers(tmp_path, {"cidr": "0.0.0.0/0"})
    assert inside.allowed and outside.allowed
    said = [
        [step.reason for step in one.path if "Cilium" in step.reason] for one in (inside, outside)
    ]
    assert len(said[0]) == 1 and "Cilium's would match no pod or node" in said[0][0]
    assert not said[1]
    assert verdicts(tmp_path, {"cidr": "0.0.0.0/0"}, "cilium") == ["denied", "allowed"]
