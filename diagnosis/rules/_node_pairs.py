"""Each node that is open, with each other node of the cluster."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import NodeRow
from diagnosis.snapshot import Snapshot, TargetView


def node_pairs(snapshot: Snapshot) -> Iterator[tuple[TargetView, NodeRow]]:
    for host in snapshot.of_kind("node"):
        for other in snapshot.nodes:
            if other.name != host.node and other.address:
                yield host, other


def restart_cni_agent(node: str) -> str:
    """The CNI's agent puts back what is missing when it starts."""
    return (
        f"kubectl -n kube-system delete pod -l app=CNI_AGENT --field-selector spec.nodeName={node}"
        "  # the CNI's agent puts it back"
    )
