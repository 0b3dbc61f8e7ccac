"""Subjects of findings, from the objects that they are about."""

from __future__ import annotations

from dataclasses import replace

from collectors.events import PodRow, ServiceRow
from collectors.findings import Subject


def pod_subject(pod: PodRow, port: int = 0) -> Subject:
    return Subject(kind="pod", namespace=pod.namespace, name=pod.name, port=port)


def service_subject(service: ServiceRow, port: int = 0) -> Subject:
    return Subject(kind="service", namespace=service.namespace, name=service.name, port=port)


def workload_subject(pod: PodRow, port: int = 0) -> Subject:
    """Of a pod's workload, of the pod itself where nothing owns it."""
    own, name = pod_subject(pod, port), workload_name(pod)
    return replace(own, kind="workload", name=name) if name else own


def workload_name(pod: PodRow) -> str:
    """'' where nothing owns the pod."""
    return pod.workload.partition("/")[2]


def policy_subject(key: str, detail: str = "") -> Subject:
    """`key` is a NetworkPolicy's namespace/name."""
    namespace, _, name = key.partition("/")
    return Subject(kind="policy", namespace=namespace, name=name, detail=detail)
