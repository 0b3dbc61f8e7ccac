"""The lab's Kubernetes objects, derived from the topology tables."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime

from lab import users
from lab.api import defaults, ephemeral, podsecurity
from lab.api.discovery import ARCH
from lab.api.metadata import name_of
from lab.api.store import Object, ObjectStore, now
from lab.images import APP, PAUSE
from lab.topology import POD_CIDR, Node, Service, Topology, TopologyWorkload

NODES = "lab.podwire/nodes"  # annotation of a pod template: the nodes for its replicas, in order
LEASES = "kube-node-lease"
DAEMONS = (("kube-system", "kube-proxy"), ("kube-flannel", "kube-flannel-ds"))
PENDING: Object = {"phase": "Pending", "qosClass": "BestEffort"}
READINESS: Object = {
    "periodSeconds": 1,
    "timeoutSeconds": 1,
    "successThreshold": 1,
    "failureThreshold": 2,
}


def metadata(namespace: str, name: str, labels: dict[str, str]) -> Object:
    """Of an object that a controller looks after."""
    return {"name": name, "namespace": namespace, "labels": labels, "generation": 1}


def new_pod(item: Object) -> Object:
    """A pod as it is when it is created."""
    item["metadata"]["generation"] = 1
    return {**defaults.pod(item), "status": dict(PENDING)}


def namespace(name: str, level: str = "") -> Object:
    """`level` of PodSecurity is enforced, if any."""
    enforced = {podsecurity.ENFORCE: level} if level else {}
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name, **enforced}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


# --- nodes

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
CONDITION_FIELDS = ("type", "status", "reason", "message")
NODE_LABELS = {
    "beta.kubernetes.io/arch": ARCH,
    "beta.kubernetes.io/os": "linux",
    "kubernetes.io/arch": ARCH,
    "kubernetes.io/os": "linux",
    "topology.kubernetes.io/region": "lab",
}
NODE_INFO = {
    "kernelVersion": platform.release(),
    "osImage": "podwire lab",
    "containerRuntimeVersion": "containerd://2.1.9",
    "kubeletVersion": "v1.36.2",
    "kubeProxyVersion": "",
    "operatingSystem": "linux",
    "architecture": ARCH,
}
MEMORY_KIB = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024
CAPACITY = {
    "cpu": str(os.cpu_count() or 1),
    "hugepages-1Gi": "0",
    "hugepages-2Mi": "0",
    "memory": f"{MEMORY_KIB}Ki",
    "pods": "110",
}


def _condition(*fields: str) -> Object:
    stamp = now()
    named = dict(zip(CONDITION_FIELDS, fields, strict=True))
    return {**named, "lastHeartbeatTime": stamp, "lastTransitionTime": stamp}


def node(spec: Node) -> Object:
    return {
        "metadata": _node_metadata(spec),
        "spec": {"podCIDR": spec.pod_cidr, "podCIDRs": list(spec.pod_cidrs)},
        "status": _node_status(spec),
    }


def _node_metadata(spec: Node) -> Object:
    annotations = {
        "flannel.alpha.coreos.com/backend-type": "vxlan",
        "flannel.alpha.coreos.com/public-ip": spec.address,
        "node.alpha.kubernetes.io/ttl": "0",
    }
    return {"name": spec.name, "labels": _node_labels(spec), "annotations": annotations}


def _node_labels(spec: Node) -> dict[str, str]:
    return {
        **NODE_LABELS,
        "kubernetes.io/hostname": spec.name,
        "topology.kubernetes.io/zone": spec.zone,
        **_role_label(spec),
    }


def _role_label(spec: Node) -> dict[str, str]:
    return {"node-role.kubernetes.io/control-plane": ""} if spec.control_plane else {}


def _node_status(spec: Node) -> Object:
    return {
        "capacity": CAPACITY,
        "allocatable": CAPACITY,
        "conditions": [_condition(*condition) for condition in NODE_CONDITIONS],
        "addresses": _node_addresses(spec),
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": _node_info(spec.name),
    }


def _node_addresses(spec: Node) -> list[Object]:
    internal = [{"type": "InternalIP", "address": address} for address in spec.addresses]
    return [*internal, {"type": "Hostname", "address": spec.name}]


def _node_info(name: str) -> Object:
    machine = hashlib.sha256(name.encode()).hexdigest()[:32]
    return {"machineID": machine, "systemUUID": machine, "bootID": machine, **NODE_INFO}


def lease(name: str) -> Object:
    """A node's heartbeat."""
    stamp = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": stamp}
    return {"metadata": {"name": name, "namespace": LEASES}, "spec": spec}


# --- workloads


def name_label(namespace: str) -> str:
    """The label that workloads of a namespace are known by."""
    return "k8s-app" if namespace == "kube-system" else "app"


def workload_spec(labels: dict[str, str], pod: Object) -> Object:
    """Of a controller whose pods have these labels."""
    template = {"metadata": {"labels": labels}, "spec": pod}
    return {"selector": {"matchLabels": labels}, "template": template}


def replicas_on(nodes: Sequence[str], labels: dict[str, str], pod: Object) -> Object:
    """A Deployment's spec: a replica on each of the nodes."""
    spec = workload_spec(labels, pod)
    spec["template"]["metadata"]["annotations"] = {NODES: ",".join(nodes)}
    return {"replicas": len(nodes), **spec}


def deployment(workload: TopologyWorkload) -> Object:
    name = "coredns" if workload.app == "kube-dns" else workload.app
    labels = {name_label(workload.namespace): workload.app}
    pod = {"containers": [_container(name, workload)]}
    return {
        "metadata": metadata(workload.namespace, name, labels),
        "spec": {**replicas_on(workload.nodes, labels, pod), "strategy": {"type": "Recreate"}},
    }


def _container(name: str, workload: TopologyWorkload) -> Object:
    return {
        "name": name,
        "image": workload.image,
        "args": list(workload.args),
        **_container_ports(workload.port),
        **_readiness(workload),
    }


def _container_ports(port: int | None) -> Object:
    protocol = "UDP" if port == 53 else "TCP"
    return {"ports": [{"containerPort": port, "protocol": protocol}]} if port else {}


def _readiness(workload: TopologyWorkload) -> Object:
    if not workload.ready_path:
        return {}
    get = {"path": workload.ready_path, "port": workload.port, "scheme": "HTTP"}
    return {"readinessProbe": {"httpGet": get, **READINESS}}


def daemon_set(where: str, name: str) -> Object:
    labels = {"k8s-app": name}
    privileged = {"privileged": name == "kube-proxy"}
    pod = {
        "hostNetwork": True,
        "containers": [{"name": name, "image": PAUSE, "securityContext": privileged}],
        "tolerations": [{"operator": "Exists"}],
    }
    return {"metadata": metadata(where, name, labels), "spec": workload_spec(labels, pod)}


# --- pods without a controller

API_SERVER: Object = {
    "hostNetwork": True,
    "containers": [{"name": "kube-apiserver", "image": PAUSE}],
    "tolerations": [{"operator": "Exists", "effect": "NoExecute"}],
}
IDLE: Object = {
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
}


def static_pod(node_name: str) -> Object:
    """The API server as a static pod: a mirror of a file on its node, which accepts no ephemeral
    containers."""
    labels = {"component": "kube-apiserver", "tier": "control-plane"}
    return {
        "metadata": {
            **metadata("kube-system", f"kube-apiserver-{node_name}", labels),
            **_of_file(node_name),
        },
        "spec": {"nodeName": node_name, **API_SERVER},
    }


def _of_file(node_name: str) -> Object:
    """What says in a pod's metadata that it is a mirror."""
    digest = hashlib.md5(node_name.encode(), usedforsecurity=False).hexdigest()
    hashes = {"kubernetes.io/config.hash": digest, ephemeral.MIRROR: digest}
    return {
        "annotations": {**hashes, "kubernetes.io/config.source": "file"},
        "ownerReferences": [_node_reference(node_name, digest)],
    }


def _node_reference(name: str, uid: str) -> Object:
    return {"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid, "controller": True}


def idle_pod(where: str, node_name: str) -> Object:
    """A bare pod that does nothing, as uid 1000 without capabilities: what namespaces under
    PodSecurity hold."""
    return {
        "metadata": {"name": "idle", "namespace": where},
        "spec": {"nodeName": node_name, **IDLE},
    }


# --- Services and configuration


def service(spec: Service) -> Object:
    label = name_label(spec.namespace)
    node_port = {"type": "NodePort"} if spec.node_port else {}
    return cluster_service(
        {"name": spec.name, "namespace": spec.namespace},
        spec.cluster_ip,
        {"ports": _service_ports(spec), "selector": {label: spec.selector}, **node_port},
    )


def cluster_service(metadata: Object, address: str, spec: Object) -> Object:
    """A Service with a cluster IP, and the defaults."""
    addresses = {"clusterIP": address, "clusterIPs": [address]}
    return defaults.service(
        {"metadata": metadata, "spec": {"type": "ClusterIP", **addresses, **spec}}
    )


def _service_ports(spec: Service) -> list[Object]:
    ports = [
        {"name": name, "protocol": protocol, "port": port, "targetPort": target}
        for name, protocol, port, target in spec.ports
    ]
    if spec.node_port:
        ports[0]["nodePort"] = spec.node_port
    return ports


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


# --- everything


def populate(store: ObjectStore, topology: Topology) -> None:
    """Put every object of the lab into the store, except what controllers make of them."""
    for name in topology.namespaces:
        put_namespace(store, namespace(name, topology.security.get(name, "")))
    for spec in topology.nodes:
        store.put("nodes", node(spec))
        store.put("leases", lease(spec.name))
    for resource, item in users.role_objects():
        store.put(resource, item)
    store.put_all("configmaps", (config_map(*row) for row in CONFIG_MAPS))
    _put_workloads(store, topology)
    store.put_all("pods", map(new_pod, _bare_pods(topology)))


def put_namespace(store: ObjectStore, item: Object) -> None:
    """With its service account."""
    store.put("namespaces", item)
    account = {"name": "default", "namespace": name_of(item)}
    store.put("serviceaccounts", {"metadata": account})


def _put_workloads(store: ObjectStore, topology: Topology) -> None:
    store.put_all("services", map(service, topology.services))
    store.put_all("deployments", map(deployment, topology.workloads))
    store.put_all("daemonsets", (daemon_set(*row) for row in DAEMONS))


def _bare_pods(topology: Topology) -> list[Object]:
    """The pods without a controller: static ones, and idle ones on the nodes in turn."""
    nodes = topology.nodes
    static = [static_pod(node.name) for node in nodes if node.control_plane]
    turn = zip(topology.idle, itertools.cycle(nodes), strict=False)
    return static + [idle_pod(where, node.name) for where, node in turn]
