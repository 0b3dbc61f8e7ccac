"""Subjects of findings, from the objects that they are about."""

from __future__ import annotations

from collectors.events import PodRow, ServiceRow
from collectors.findings import Subject


def pod_subject(pod: PodRow, port: int = 0) -> Subject:
    return Subject(kind="pod", namespace=pod.namespace, name=pod.name, port=port)


def service_subject(service: ServiceRow, port: int = 0) -> Subject:
    return Subject(kind="service", namespace=service.namespace, name=service.name, port=port)


def workload_subject(pod: PodRow, port: int = 0) -> Subject:
    """Of a pod's workload, of the pod itself where nothing owns it."""
    workload = pod.workload.partition("/")[2]
    if not workload:
        return pod_subject(pod, port)
    return Subject(kind="workload", namespace=pod.namespace, name=workload, port=port)


def policy_subject(key: str, detail: str = "") -> Subject:
    """`key` is a NetworkPolicy's namespace/name."""
    namespace, _, name = key.partition("/")
    return Subject(kind="policy", namespace=namespace, name=name, detail=detail)
