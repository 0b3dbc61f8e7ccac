"""Pods, workloads, namespaces and nodes as the API server validates them, as far as podwire reads
them."""

from __future__ import annotations

from typing import Any

from collectors.manifests.documents import FieldPath
from collectors.manifests.field_tests import (
    address,
    cidr,
    dns_label,
    not_negative,
    port_name,
    port_number,
    port_or_none,
    protocol,
)
from collectors.manifests.problems import FieldProblems
from collectors.manifests.selector_rules import check_labels, check_selector, matches

# whose selector is a LabelSelector; one that is left out decides nothing here
SELECTING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")


def check_pod(body: Any, problems: FieldProblems) -> None:
    check_pod_spec(body.get("spec") or {}, ("spec",), problems)
    status = body.get("status") or {}
    if status.get("podIP"):
        problems.test(status["podIP"], ("status", "podIP"), address)
    for number, entry in enumerate(status.get("podIPs") or ()):
        problems.required(entry.get("ip"), ("status", "podIPs", number, "ip"), address)


def check_pod_spec(spec: Any, path: FieldPath, problems: FieldProblems) -> None:
    for part in ("containers", "initContainers"):
        for number, container in enumerate(spec.get(part) or ()):
            here = (*path, part, number)
            problems.required(container.get("name"), (*here, "name"), dns_label)
            for at, port in enumerate(container.get("ports") or ()):
                _check_port(port, (*here, "ports", at), problems)
                _check_host_port(port, spec, (*here, "ports", at), problems)


def _check_port(port: Any, path: FieldPath, problems: FieldProblems) -> None:
    if port.get("name"):
        problems.test(port["name"], (*path, "name"), port_name)
    problems.required(port.get("containerPort"), (*path, "containerPort"), port_number)
    problems.test(port.get("protocol") or None, (*path, "protocol"), protocol)
    problems.test(port.get("hostPort"), (*path, "hostPort"), port_or_none)
    if port.get("hostIP"):
        problems.test(port["hostIP"], (*path, "hostIP"), address)


def _check_host_port(port: Any, spec: Any, path: FieldPath, problems: FieldProblems) -> None:
    host, number = port.get("hostPort"), port.get("containerPort")
    if spec.get("hostNetwork") and host and host != number:
        problems.add((*path, "hostPort"), f"must be the containerPort ({number}) on hostNetwork")


def check_workload(body: Any, kind: str, problems: FieldProblems) -> None:
    spec = body.get("spec") or {}
    problems.test(spec.get("replicas"), ("spec", "replicas"), not_negative)
    path: FieldPath = ("spec", "template")
    if kind == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
        path = ("spec", "jobTemplate", "spec", "template")
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    check_labels(labels, (*path, "metadata", "labels"), problems)
    check_pod_spec(template.get("spec") or {}, (*path, "spec"), problems)
    if kind in SELECTING and spec.get("selector") is not None:
        _check_workload_selector(spec["selector"], labels, problems)


def _check_workload_selector(
    selector: Any, labels: dict[str, str], problems: FieldProblems
) -> None:
    path: FieldPath = ("spec", "selector")
    before = len(problems.found)
    check_selector(selector, path, problems)
    if len(problems.found) == before and not matches(selector, labels):
        problems.add(path, "does not match the labels of the template")


def check_namespace(body: Any, problems: FieldProblems) -> None:
    problems.test((body.get("metadata") or {}).get("name"), ("metadata", "name"), dns_label)


def check_node(body: Any, problems: FieldProblems) -> None:
    for number, text in enumerate((body.get("spec") or {}).get("podCIDRs") or ()):
        problems.test(text, ("spec", "podCIDRs", number), cidr)
