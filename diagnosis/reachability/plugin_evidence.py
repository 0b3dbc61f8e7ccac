"""Which network plugin enforces policies, as far as something shows it: its settings, its own
policies, its agents; and with it what an ipBlock means for pods and nodes.

Cilium's matches what is outside of the cluster alone; with others (Calico, kube-router, Antrea,
OVN-Kubernetes, the VPC CNI of AWS) it matches the addresses of pods and nodes, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from collectors.cluster.api.foreign_kinds import ANTREA, AWS, AWS_VPC, KUBE_OVN
from collectors.events import ForeignPolicyRow, PodRow, SettingsRow

# What an ipBlock matches: every address, what is outside of the cluster (Cilium), or one of both,
# not known which.
IpBlocks = Literal["everywhere", "outside", "either"]
Evidence = Literal["cilium", "other", "beside"]  # `beside`: Cilium may be chained to it
PLUGINS = ("cilium", "calico")  # whose policies are read here
SETTINGS: dict[str, Evidence] = {
    "cilium": "cilium",
    "calico": "other",
    "antrea": "other",
    "flannel": "beside",
}
GROUPS: dict[str, Evidence] = {
    "cilium.io": "cilium",
    "networking.gke.io": "cilium",  # Dataplane V2
    "projectcalico.org": "other",
    "crd.projectcalico.org": "other",
    ANTREA: "other",
    KUBE_OVN: "other",
    "k8s.ovn.org": "other",
    AWS: "beside",
    AWS_VPC: "beside",
}
AGENTS: dict[str, Evidence] = {  # DaemonSets
    "cilium": "cilium",
    "anetd": "cilium",
    "calico-node": "other",
    "canal": "other",
    "kube-router": "other",
    "antrea-agent": "other",
    "weave-net": "other",
    "ovnkube-node": "other",
    "kube-ovn-cni": "other",
    "aws-node": "beside",
    "kindnet": "beside",
    "kube-flannel-ds": "beside",
}
DAEMON_SET = "DaemonSet/"


def plugin_of(settings: Iterable[SettingsRow]) -> str:
    """The one whose settings are there, of those whose policies are read here; '' where that is
    not known."""
    names = {row.name.partition(" ")[0] for row in settings}
    return next((plugin for plugin in PLUGINS if plugin in names), "")


def ip_blocks(
    settings: Sequence[SettingsRow], foreign: Iterable[ForeignPolicyRow], pods: Iterable[PodRow]
) -> IpBlocks:
    """What ipBlock means here."""
    if plugin := plugin_of(settings):
        return "outside" if plugin == "cilium" else "everywhere"
    found = set(_evidence(settings, foreign, pods))
    if "cilium" in found:
        return "either" if "other" in found else "outside"
    return "everywhere" if found else "either"


def evidence(
    settings: Sequence[SettingsRow], foreign: Iterable[ForeignPolicyRow], pods: Iterable[PodRow]
) -> Evidence | None:
    """Which plugin polices connections; None where that is not known, or seems to be several."""
    if plugin := plugin_of(settings):
        return "cilium" if plugin == "cilium" else "other"
    found = set(_evidence(settings, foreign, pods)) - {"beside"}
    return found.pop() if len(found) == 1 else None


def _evidence(
    settings: Iterable[SettingsRow], foreign: Iterable[ForeignPolicyRow], pods: Iterable[PodRow]
) -> Iterator[Evidence]:
    names = {row.name.partition(" ")[0] for row in settings}
    groups = {row.group for row in foreign}
    sets = {pod.workload for pod in pods if pod.workload.startswith(DAEMON_SET)}
    agents = {workload.removeprefix(DAEMON_SET) for workload in sets}
    for present, known in ((names, SETTINGS), (groups, GROUPS), (agents, AGENTS)):
        yield from (known[one] for one in present if one in known)
