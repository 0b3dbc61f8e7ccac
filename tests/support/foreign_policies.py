"""Policies of other APIs by short names: what tests/data/policy has of those that are refused, and
of those that never may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parent.parent / "data" / "policy"
KINDS = {
    "calico": ("projectcalico.org/v3", "NetworkPolicy"),
    "calico-global": ("projectcalico.org/v3", "GlobalNetworkPolicy"),
    "calico-stored": ("crd.projectcalico.org/v1", "NetworkPolicy"),
    "tier": ("projectcalico.org/v3", "Tier"),
    "network-set": ("projectcalico.org/v3", "NetworkSet"),
    "host-endpoint": ("projectcalico.org/v3", "HostEndpoint"),
    "cilium": ("cilium.io/v2", "CiliumNetworkPolicy"),
    "cilium-wide": ("cilium.io/v2", "CiliumClusterwideNetworkPolicy"),
    "cidr-group": ("cilium.io/v2", "CiliumCIDRGroup"),
    "cluster": ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy"),
    "admin": ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy"),
    "baseline": ("policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy"),
}


def cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((DATA / name).read_text())
    return found


def policy(case: dict[str, Any]) -> dict[str, Any]:
    api_version, kind = KINDS[case["kind"]]
    name = case.get("name") or ("default" if case["kind"] == "baseline" else "p")
    found = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}}
    return found if case["spec"] is None else {**found, "spec": case["spec"]}
