"""Containers that a pod has already, by its own object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collectors.cluster.api.fields import annotations_of, list_at, mapping_at
from collectors.cluster.attach.container_specs import PREFIX

Object = Mapping[str, Any]


def carried(pod: Object) -> int:
    entries = list_at(pod, "spec", "ephemeralContainers")
    return sum(str(entry.get("name")).startswith(PREFIX) for entry in entries)


def _running(pod: Object, field: str) -> list[str]:
    """The names of the containers that run, of a list of the pod's status."""
    return [str(entry.get("name")) for entry in list_at(pod, "status", field) if _runs(entry)]


def _runs(entry: Object) -> bool:
    return "running" in mapping_at(entry, "state")


def running_debug_container(pod: Object) -> str:
    names = _running(pod, "ephemeralContainerStatuses")
    return next((name for name in names if name.startswith(PREFIX)), "")


def main_container(pod: Object) -> str:
    """Of the pod's own that run the default one, else the first; '' where none runs."""
    names = _running(pod, "containerStatuses")
    wanted = annotations_of(pod).get("kubectl.kubernetes.io/default-container")
    if wanted in names:
        return str(wanted)
    return names[0] if names else ""
