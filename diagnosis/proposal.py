"""NetworkPolicies that podwire proposes, as YAML: the least that admits what is wanted. Policies add up, so a proposal
stands beside what is in force. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from collectors.events import PodRow
from diagnosis.policy import NAME_LABEL, Side

PASSING = ("pod-template-generation", "statefulset.kubernetes.io/pod-name")  # besides hashes


def lasting(pod: PodRow) -> dict[str, str]:
    """The labels of a pod that its successors will have, too."""
    return {key: value for key, value in pod.labels if key not in PASSING and "hash" not in key}


def document(name: str, namespace: str, spec: Mapping[str, Any]) -> str:
    metadata = {"name": name[:63].strip("-."), "namespace": namespace}
    body = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": dict(spec)}
    return str(yaml.safe_dump(body, sort_keys=False, default_flow_style=False))


def peer(pod: PodRow, own_namespace: str) -> dict[str, Any]:
    """A pod's replicas as an entry of `from` or `to`."""
    entry: dict[str, Any] = {"podSelector": {"matchLabels": lasting(pod)}}
    if pod.namespace != own_namespace:
        entry["namespaceSelector"] = {"matchLabels": {NAME_LABEL: pod.namespace}}
    return entry


def admit(side: Side, source: PodRow, target: PodRow, ports: Iterable[tuple[int, str]]) -> str:
    """Lets a source reach ports of a target, on the side that isolates."""
    own, other = (target, source) if side == "ingress" else (source, target)
    rule = {
        "from" if side == "ingress" else "to": [peer(other, own.namespace)],
        "ports": [{"port": number, "protocol": protocol} for number, protocol in ports],
    }
    spec = {
        "podSelector": {"matchLabels": lasting(own)},
        "policyTypes": [side.capitalize()],
        side: [rule],
    }
    one, two = (pod.workload.partition("/")[2] or pod.name for pod in (source, target))
    return document(f"allow-{one}-to-{two}", own.namespace, spec)
