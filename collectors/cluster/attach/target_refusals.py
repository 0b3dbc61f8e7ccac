"""Pods and nodes that nothing can be attached to, by what their own objects say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collectors.cluster.api.fields import annotations_of, list_at, mapping_at, text_at
from collectors.errors import TargetGone
from collectors.sanitize import sanitize

MIRROR = "kubernetes.io/config.mirror"
Object = Mapping[str, Any]


class Refused(Exception):
    """Nothing can be added to this target; the message is a sentence."""


def check_same_pod(pod: Object, where: str, uid: str) -> None:
    """TargetGone where `pod` has another uid than the chosen one ('' for any)."""
    if uid and pod.get("metadata", {}).get("uid") != uid:
        raise TargetGone(
            f"The pod {where} was replaced by another of the same name. "
            "Choose it again from the list."
        )


def check_pod(pod: Object, where: str) -> None:
    """Refused, with what to do instead, for a pod that no debug container can help."""
    spec, status = mapping_at(pod, "spec"), mapping_at(pod, "status")
    node = text_at(spec, "nodeName", 253)
    _check_phase(mapping_at(pod, "metadata"), status, where)
    _check_kind(pod, where, node)
    if not node:
        raise Refused(
            f"The pod {where} is on no node yet: {_unscheduled(status)}. Open it once it runs."
        )
    _check_network(status, where, node)


def _check_kind(pod: Object, where: str, node: str) -> None:
    """No static pod, and none of Windows."""
    if MIRROR in annotations_of(pod):
        raise Refused(
            f"{where} is a static pod: its spec is a file on {node}, and the API server accepts "
            "no debug container for it. Open its node instead."
        )
    if mapping_at(pod, "spec", "os").get("name") == "windows":
        raise Refused(windows(where, node))


def _check_network(status: Object, where: str, node: str) -> None:
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
    for condition in list_at(status, "conditions"):
        message = text_at(condition, "message", 300)
        if condition.get("type") == "PodScheduled" and message:
            return message.rstrip(".")
    return "it waits for the scheduler"


def check_node(node: Object, name: str, where: str) -> None:
    """Refused where the node's network is not Linux's, or nothing can be started on it now."""
    if _system(node) == "windows":
        raise Refused(windows(where, name))
    for condition in list_at(node, "status", "conditions"):
        if condition.get("type") == "Ready" and condition.get("status") == "Unknown":
            raise _silent_node(name, condition)


def _system(node: Object) -> object:
    known = mapping_at(node, "status", "nodeInfo").get("operatingSystem")
    return known or mapping_at(node, "metadata", "labels").get("kubernetes.io/os")


def _silent_node(name: str, condition: Object) -> Refused:
    reason = sanitize(condition.get("message") or "no reason given", 200).rstrip(".")
    return Refused(
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
