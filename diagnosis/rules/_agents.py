"""The pods of the CNI and of kube-proxy, by the names and labels that they have in this cluster,
for commands."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import NodeRow, PodRow
from diagnosis.rules._services import is_dns
from diagnosis.snapshot import Snapshot
from diagnosis.subjects import workload_name

CNI_AGENTS = (
    "kube-flannel",
    "flannel",
    "canal",
    "calico-node",
    "cilium",
    "antrea-agent",
    "weave-net",
    "kube-router",
    "kindnet",
    "kube-ovn-cni",
    "ovnkube-node",
    "aws-node",
    "kube-multus",
)
PROXIES = ("kube-proxy", "kube-router", "cilium")
BESIDE = ("-envoy", "-operator", "-kube-controllers", "-typha")  # of the CNI, on no path


def cni_agent(snapshot: Snapshot, node: str) -> PodRow | None:
    """The CNI's pod on a node; None where it is not a pod (k3s), or is not known."""
    return next(_daemons(snapshot, node, CNI_AGENTS), None)


def is_of_overlay(snapshot: Snapshot, host: str, other: NodeRow) -> bool:
    """Whether the CNI of one node reaches another as well: a node that only stands for a cloud's
    own machines (virtual-kubelet, Fargate) has neither its agent nor pods of the cluster's
    ranges."""
    if cni_agent(snapshot, host) is None or cni_agent(snapshot, other.name) is not None:
        return True
    pods = (pod for pod in snapshot.pods if pod.node == other.name and not pod.host_network)
    return any(pod.ip and snapshot.in_pod_range(pod.ip) for pod in pods)


def proxy(snapshot: Snapshot, node: str) -> PodRow | None:
    """What translates Services on a node, where that is a pod."""
    return next(_daemons(snapshot, node, PROXIES), None)


def _daemons(snapshot: Snapshot, node: str, names: tuple[str, ...]) -> Iterator[PodRow]:
    """The pods of DaemonSets on a node, in the order of the names."""
    here = [pod for pod in snapshot.pods if pod.node == node and not pod.ended]
    for name in names:
        yield from (pod for pod in here if _is_of(pod, name))


def _is_of(pod: PodRow, name: str) -> bool:
    kind, _, workload = pod.workload.partition("/")
    return kind == "DaemonSet" and _is_named(workload, name) and not workload.endswith(BESIDE)


def _is_named(workload: str, name: str) -> bool:
    """As a chart names it, with or without what follows: `cilium`, `cilium-agent`."""
    return workload == name or workload.startswith(f"{name}-")


def restart_cni_agent(snapshot: Snapshot, node: str) -> str:
    """A command; the agent puts back what is missing when it starts."""
    pod = cni_agent(snapshot, node)
    if pod is not None:
        return (
            f"kubectl -n {pod.namespace} delete pod {pod.name}  # the CNI's agent of {node}: it "
            "puts it back"
        )
    return (
        f"# the CNI's agent of {node} puts it back when it starts: a pod, or a part of the kubelet "
        f"(k3s)\nkubectl get pods -A -o wide --field-selector spec.nodeName={node}"
    )


def proxy_log(snapshot: Snapshot, node: str) -> str:
    """A command that shows whether what translates Services on a node keeps up."""
    pod = proxy(snapshot, node)
    if pod is not None:
        return f"kubectl -n {pod.namespace} logs {pod.name} --tail 50  # kube-proxy of {node}"
    return (
        f"kubectl get pods -A -o wide --field-selector spec.nodeName={node}  # kube-proxy of "
        f"{node}, where it is a pod"
    )


def restart_proxy(snapshot: Snapshot, node: str) -> str:
    pod = proxy(snapshot, node)
    if pod is not None:
        return f"kubectl -n {pod.namespace} delete pod {pod.name}  # it writes its rules again"
    return f"# restart kube-proxy of {node}: it writes its rules again"


def restart_daemonset(snapshot: Snapshot, name: str, namespace: str) -> str:
    """A command, with the namespace and name that a DaemonSet has here; `namespace` where it is not
    seen."""
    pod = _pod_of(snapshot, name)
    if pod is not None:
        namespace, name = pod.namespace, workload_name(pod)
    return f"kubectl -n {namespace} rollout restart daemonset {name}"


def _pod_of(snapshot: Snapshot, daemonset: str) -> PodRow | None:
    found = (pod for pod in snapshot.pods if not pod.ended and _is_of(pod, daemonset))
    return next(found, None)


def dns_pod_selector(snapshot: Snapshot) -> str:
    """The cluster's DNS pods as kubectl selects them: `-n kube-system … -l k8s-app=kube-dns`."""
    for service in snapshot.services:
        if is_dns(service) and service.selector and service.namespace.startswith("kube-"):
            return f"-n {service.namespace} -l {service.selector_text}"
    return "-n kube-system -l k8s-app=kube-dns"
