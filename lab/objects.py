"""The lab's Kubernetes objects, derived from the topology tables."""

from __future__ import annotations

import os
import platform
import string
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from lab.api.store import Object, now
from lab.topology import Node, Service, Workload

ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
MAIN_CONTAINER = "app"


def ready_condition(ready: bool, kind: str = "Ready") -> Object:
    return {"type": kind, "status": "True" if ready else "False", "lastProbeTime": None, "lastTransitionTime": now()}


def namespace(name: str) -> Object:
    labels = {"kubernetes.io/metadata.name": name}
    return {"metadata": {"name": name, "labels": labels}, "spec": {}, "status": {"phase": "Active"}}


def node(spec: Node) -> Object:
    memory_kib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024
    capacity = {"cpu": str(os.cpu_count() or 1), "memory": f"{memory_kib}Ki", "pods": "110"}
    return {
        "metadata": {
            "name": spec.name,
            "labels": {
                "kubernetes.io/arch": ARCH,
                "kubernetes.io/os": "linux",
                "kubernetes.io/hostname": spec.name,
                "topology.kubernetes.io/zone": spec.zone,
            },
        },
        "spec": {"podCIDR": spec.pod_cidr, "podCIDRs": [spec.pod_cidr]},
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "conditions": [ready_condition(True)],
            "addresses": [
                {"type": "InternalIP", "address": spec.address},
                {"type": "Hostname", "address": spec.name},
            ],
            "nodeInfo": {
                "architecture": ARCH,
                "operatingSystem": "linux",
                "kernelVersion": platform.release(),
                "kubeletVersion": "v1.36.2",
                "containerRuntimeVersion": "containerd://2.1.0",
                "osImage": "podwire lab",
            },
        },
    }


def pod(workload: Workload, node_name: str) -> Object:
    suffix = "".join(Random(f"{workload.app}/{node_name}").choices(string.ascii_lowercase + string.digits, k=5))
    label = "k8s-app" if workload.namespace == "kube-system" else "app"
    app_name = "coredns" if workload.app == "kube-dns" else workload.app
    container: Object = {"name": MAIN_CONTAINER, "image": workload.image, "args": list(workload.args)}
    if workload.port:
        container["ports"] = [{"containerPort": workload.port, "protocol": "TCP"}]
    return {
        "metadata": {
            "name": f"{app_name}-{workload.replica_hash}-{suffix}",
            "namespace": workload.namespace,
            "labels": {label: workload.app, "pod-template-hash": workload.replica_hash},
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": f"{app_name}-{workload.replica_hash}",
                    "uid": f"{workload.app}-replicaset",
                    "controller": True,
                }
            ],
        },
        "spec": {
            "nodeName": node_name,
            "containers": [container],
            "restartPolicy": "Always",
            "dnsPolicy": "ClusterFirst",
        },
    }


def service(spec: Service) -> Object:
    label = "k8s-app" if spec.namespace == "kube-system" else "app"
    ports = [
        {"name": name, "protocol": protocol, "port": port, "targetPort": target}
        for name, protocol, port, target in spec.ports
    ]
    return {
        "metadata": {"name": spec.name, "namespace": spec.namespace},
        "spec": {
            "ports": ports,
            "selector": {label: spec.selector},
            "clusterIP": spec.cluster_ip,
            "clusterIPs": [spec.cluster_ip],
            "type": "ClusterIP",
            "sessionAffinity": "None",
            "internalTrafficPolicy": "Cluster",
        },
        "status": {"loadBalancer": {}},
    }


@dataclass(frozen=True, slots=True)
class Endpoint:
    pod: Object
    address: str
    ready: bool


def endpoint_slice(spec: Service, endpoints: Sequence[Endpoint], zones: dict[str, str]) -> Object:
    return {
        "metadata": {
            "name": f"{spec.name}-slice",
            "namespace": spec.namespace,
            "labels": {"kubernetes.io/service-name": spec.name},
        },
        "addressType": "IPv4",
        "endpoints": [_endpoint(e, zones) for e in endpoints],
        "ports": [{"name": name, "protocol": protocol, "port": target} for name, protocol, _, target in spec.ports],
    }


def _endpoint(endpoint: Endpoint, zones: dict[str, str]) -> dict[str, Any]:
    metadata, where = endpoint.pod["metadata"], endpoint.pod["spec"]["nodeName"]
    return {
        "addresses": [endpoint.address],
        "conditions": {"ready": endpoint.ready, "serving": endpoint.ready, "terminating": False},
        "targetRef": {
            "kind": "Pod",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
        "nodeName": where,
        "zone": zones[where],
    }
