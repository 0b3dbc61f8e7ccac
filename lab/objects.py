"""The lab's Kubernetes objects, derived from the topology tables."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from lab import users
from lab.api import defaults, ephemeral, podsecurity
from lab.api.discovery import ARCH
from lab.api.store import Object, ObjectStore, now
from lab.images import APP, PAUSE
from lab.topology import POD_CIDR, Node, Service, Topology, Workload

NODES = "lab.podwire/nodes"  # annotation of a pod template: the nodes for its replicas, in order
LEASES = "kube-node-lease"
DAEMONS = (("kube-system", "kube-proxy"), ("kube-flannel", "kube-flannel-ds"))


def _name_label(workload: Workload) -> str:
    return "k8s-app" if workload.namespace == "kube-system" else "app"


def namespace(name: str, level: str = "") -> Object:
    labels = {
        "kubernetes.io/metadata.name": name,
        **({podsecurity.ENFORCE: level} if level else {}),
    }
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


NODE_CONDITIONS = (  # type, status, reason, message
    (
        "MemoryPressure",
        "False",
        "KubeletHasSufficientMemory",
        "kubelet has sufficient memory available",
    ),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    (
        "PIDPressure",
        "False",
        "KubeletHasSufficientPID",
        "kubelet has sufficient PID available",
    ),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def _condition(kind: str, status: str, reason: str, message: str) -> Object:
    stamp = now()
    return {
        "type": kind,
        "status": status,
        "lastHeartbeatTime": stamp,
        "lastTransitionTime": stamp,
        "reason": reason,
        "message": message,
    }


def node(spec: Node) -> Object:
    return {
        "metadata": {
            "name": spec.name,
            "labels": _node_labels(spec),
            "annotations": {
                "flannel.alpha.coreos.com/backend-type": "vxlan",
                "flannel.alpha.coreos.com/public-ip": spec.address,
                "node.alpha.kubernetes.io/ttl": "0",
            },
        },
        "spec": {"podCIDR": spec.pod_cidr, "podCIDRs": [spec.pod_cidr]},
        "status": _node_status(spec),
    }


def _node_labels(spec: Node) -> dict[str, str]:
    labels = {
        "beta.kubernetes.io/arch": ARCH,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": ARCH,
        "kubernetes.io/hostname": spec.name,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/region": "lab",
        "topology.kubernetes.io/zone": spec.zone,
    }
    if spec.control_plane:
        labels["node-role.kubernetes.io/control-plane"] = ""
    return labels


def _node_status(spec: Node) -> Object:
    capacity = _capacity()
    return {
        "capacity": capacity,
        "allocatable": capacity,
        "conditions": [_condition(*condition) for condition in NODE_CONDITIONS],
        "addresses": [
            {"type": "InternalIP", "address": spec.address},
            {"type": "Hostname", "address": spec.name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": _node_info(spec.name),
    }


def _capacity() -> dict[str, str]:
    memory_kib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024
    return {
        "cpu": str(os.cpu_count() or 1),
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": f"{memory_kib}Ki",
        "pods": "110",
    }


def _node_info(name: str) -> Object:
    machine = hashlib.sha256(name.encode()).hexdigest()[:32]
    return {
        "machineID": machine,
        "systemUUID": machine,
        "bootID": machine,
        "kernelVersion": platform.release(),
        "osImage": "podwire lab",
        "containerRuntimeVersion": "containerd://2.1.9",
        "kubeletVersion": "v1.36.2",
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": ARCH,
    }


def _template(labels: dict[str, str], spec: Object, annotations: Object | None = None) -> Object:
    return {
        "metadata": {"labels": labels, **({"annotations": annotations} if annotations else {})},
        "spec": spec,
    }


def deployment(workload: Workload) -> Object:
    name = "coredns" if workload.app == "kube-dns" else workload.app
    container: Object = {"name": name, "image": workload.image, "args": list(workload.args)}
    if workload.port:
        protocol = "UDP" if workload.port == 53 else "TCP"
        container["ports"] = [{"containerPort": workload.port, "protocol": protocol}]
    if workload.ready_path:
        container["readinessProbe"] = {
            "httpGet": {"path": workload.ready_path, "port": workload.port, "scheme": "HTTP"},
            "periodSeconds": 1,
            "timeoutSeconds": 1,
            "successThreshold": 1,
            "failureThreshold": 2,
        }
    labels = {_name_label(workload): workload.app}
    return {
        "metadata": {
            "name": name,
            "namespace": workload.namespace,
            "labels": labels,
            "generation": 1,
        },
        "spec": {
            "replicas": len(workload.nodes),
            "selector": {"matchLabels": labels},
            "template": _template(
                labels, {"containers": [container]}, {NODES: ",".join(workload.nodes)}
            ),
            "strategy": {"type": "Recreate"},
        },
    }


def daemon_set(where: str, name: str) -> Object:
    labels = {"k8s-app": name}
    container = {
        "name": name,
        "image": PAUSE,
        "securityContext": {"privileged": name == "kube-proxy"},
    }
    spec = {"hostNetwork": True, "containers": [container], "tolerations": [{"operator": "Exists"}]}
    return {
        "metadata": {"name": name, "namespace": where, "labels": labels, "generation": 1},
        "spec": {"selector": {"matchLabels": labels}, "template": _template(labels, spec)},
    }


def static_pod(node_name: str) -> Object:
    """The API server as a static pod: a mirror of a file on its node, which accepts no ephemeral
    containers."""
    digest = hashlib.md5(node_name.encode(), usedforsecurity=False).hexdigest()
    return {
        "metadata": {
            "name": f"kube-apiserver-{node_name}",
            "namespace": "kube-system",
            "labels": {"component": "kube-apiserver", "tier": "control-plane"},
            "annotations": {
                "kubernetes.io/config.hash": digest,
                ephemeral.MIRROR: digest,
                "kubernetes.io/config.source": "file",
            },
            "ownerReferences": [
                {
                    "apiVersion": "v1",
                    "kind": "Node",
                    "name": node_name,
                    "uid": digest,
                    "controller": True,
                }
            ],
        },
        "spec": {
            "nodeName": node_name,
            "hostNetwork": True,
            "containers": [{"name": "kube-apiserver", "image": PAUSE}],
            "tolerations": [{"operator": "Exists", "effect": "NoExecute"}],
        },
    }


def idle_pod(where: str, node_name: str) -> Object:
    """A bare pod that does nothing, as uid 1000 without capabilities: what namespaces under
    PodSecurity hold."""
    return {
        "metadata": {"name": "idle", "namespace": where},
        "spec": {
            "nodeName": node_name,
            "containers": [
                {
                    "name": "idle",
                    "image": APP,
                    "command": ["sleep", "infinity"],
                    "securityContext": {
                        "capabilities": {"drop": ["ALL"]},
                        "allowPrivilegeEscalation": False,
                    },
                }
            ],
            "securityContext": {
                "runAsUser": 1000,
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        },
    }


def service(spec: Service) -> Object:
    label = "k8s-app" if spec.namespace == "kube-system" else "app"
    ports: list[dict[str, Any]] = [
        {"name": name, "protocol": protocol, "port": port, "targetPort": target}
        for name, protocol, port, target in spec.ports
    ]
    if spec.node_port:
        ports[0]["nodePort"] = spec.node_port
    kind = "NodePort" if spec.node_port else "ClusterIP"
    return defaults.service(
        {
            "metadata": {"name": spec.name, "namespace": spec.namespace},
            "spec": {
                "ports": ports,
                "selector": {label: spec.selector},
                "type": kind,
                "clusterIP": spec.cluster_ip,
                "clusterIPs": [spec.cluster_ip],
            },
        }
    )


def config_map(where: str, name: str, data: dict[str, str]) -> Object:
    return {"metadata": {"name": name, "namespace": where}, "data": data}


COREFILE = """.:53 {
    errors
    health
    kubernetes cluster.local in-addr.arpa ip6.arpa { pods insecure }
    cache 30
}
"""

FLANNEL = {"Network": POD_CIDR, "EnableNFTables": True, "Backend": {"Type": "vxlan"}}
CONFIG_MAPS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("kube-flannel", "kube-flannel-cfg", {"net-conf.json": json.dumps(FLANNEL)}),
    ("kube-system", "kube-proxy", {"config.conf": "mode: nftables\n"}),
    ("kube-system", "coredns", {"Corefile": COREFILE}),
)


def lease(name: str) -> Object:
    """A node's heartbeat."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": stamp}
    return {"metadata": {"name": name, "namespace": LEASES}, "spec": spec}


def populate(store: ObjectStore, topology: Topology) -> None:
    """Put every object of the lab into the store, except what controllers make of them."""
    _put_namespaces(store, topology)
    _put_nodes(store, topology.nodes)
    for resource, item in users.role_objects():
        store.put(resource, item)
    for where, name, data in CONFIG_MAPS:
        store.put("configmaps", config_map(where, name, data))
    for wanted in topology.services:
        store.put("services", service(wanted))
    for workload in topology.workloads:
        store.put("deployments", deployment(workload))
    for where, name in DAEMONS:
        store.put("daemonsets", daemon_set(where, name))
    _put_pods(store, topology)


def _put_namespaces(store: ObjectStore, topology: Topology) -> None:
    for name in topology.namespaces:
        store.put("namespaces", namespace(name, topology.security.get(name, "")))
        store.put("serviceaccounts", {"metadata": {"name": "default", "namespace": name}})


def _put_nodes(store: ObjectStore, nodes: Iterable[Node]) -> None:
    for spec in nodes:
        store.put("nodes", node(spec))
        store.put("leases", lease(spec.name))


def _put_pods(store: ObjectStore, topology: Topology) -> None:
    """The pods without a controller: static ones, and idle ones on the nodes in turn."""
    for spec in topology.nodes:
        if spec.control_plane:
            store.put("pods", _born(static_pod(spec.name)))
    for index, where in enumerate(topology.idle):
        on = topology.nodes[index % len(topology.nodes)]
        store.put("pods", _born(idle_pod(where, on.name)))


def _born(pod: Object) -> Object:
    pod["metadata"]["generation"] = 1
    return {**defaults.pod(pod), "status": {"phase": "Pending", "qosClass": "BestEffort"}}
