"""Pods and nodes that nothing can be attached to, by what their own objects say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collectors.sanitize import sanitize

MIRROR = "kubernetes.io/config.mirror"
Object = Mapping[str, Any]


class Refused(Exception):
    """Nothing can be added to this target; the message is a sentence."""


def check_pod(pod: Object, where: str) -> None:
    """Refused, with what to do instead, for a pod that no debug container can help."""
    metadata, spec, status = (pod.get(part) or {} for part in ("metadata", "spec", "status"))
    node = sanitize(spec.get("nodeName") or "", 253)
    _check_phase(metadata, status, where)
    if MIRROR in (metadata.get("annotations") or {}):
        raise Refused(
            f"{where} is a static pod: its spec is a file on {node}, and the API server accepts "
            "no debug container for it. Open its node instead."
        )
    if (spec.get("os") or {}).get("name") == "windows":
        raise Refused(windows(where, node))
    if not node:
        raise Refused(
            f"The pod {where} is on no node yet: {_unscheduled(status)}. Open it once it runs."
        )
    if status.get("phase") == "Unknown":
        raise Refused(
            f"The node {node} has stopped reporting, the state of {where} is unknown. "
            "Look at the node first."
        )
    if not status.get("podIP"):
        raise Refused(
            f"The pod {where} has no network yet: its sandbox is not there. "
            f"See its events on {node}."
        )


def _check_phase(metadata: Object, status: Object, where: str) -> None:
    phase = status.get("phase")
    if phase in ("Succeeded", "Failed"):
        raise Refused(
            f"The pod {where} has ended ({phase}): it has no network any more. "
            "Its node can be opened."
        )
    if metadata.get("deletionTimestamp"):
        raise Refused(
            f"The pod {where} is being deleted: nothing can be added to it. "
            "Open the one that replaces it."
        )


def _unscheduled(status: Object) -> str:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("message"):
            return sanitize(condition["message"], 300).rstrip(".")
    return "it waits for the scheduler"


def check_node(node: Object, name: str, where: str) -> None:
    """Refused where the node's network is not Linux's, or nothing can be started on it now."""
    status, labels = node.get("status") or {}, (node.get("metadata") or {}).get("labels") or {}
    system = (status.get("nodeInfo") or {}).get("operatingSystem")
    if (system or labels.get("kubernetes.io/os")) == "windows":
        raise Refused(windows(where, name))
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Ready" and condition.get("status") == "Unknown":
            reason = sanitize(condition.get("message") or "no reason given", 200).rstrip(".")
            raise Refused(
                f"The node {sanitize(name)} has stopped reporting ({reason}): "
                "nothing can be started or run there."
            )


def windows(where: str, node: str) -> str:
    """`where` is a node, or a pod as NAMESPACE/NAME."""
    what = f"{sanitize(node)} is a Windows node"
    if "/" in where:
        what = f"{where} is on the Windows node {sanitize(node)}"
    return (
        f"{what}: its network is not Linux's, and podwire's tools do not run there. "
        "Look from the other end: open a pod on a Linux node that talks to it."
    )
