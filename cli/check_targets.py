"""Which pods and nodes a check attaches to."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence

from collectors.errors import ConfigError
from collectors.events import NodeRow, PodRow
from collectors.frozen import frozen
from session.store import Store

MOST_PODS, MOST_NODES = 12, 12  # that are attached to in one check


@frozen
class Selection:
    """`notes` say of how many others nothing is looked at."""

    pods: Sequence[PodRow]
    nodes: Sequence[NodeRow]
    notes: Sequence[str] = ()


def selection(options: argparse.Namespace, store: Store) -> Selection:
    """A pod with its node, a node, a namespace's pods (one a workload and node), or every node.

    ConfigError where the target that was named is not there.
    """
    pods = [row for row in store.rows("pods") if isinstance(row, PodRow)]
    nodes = {row.name: row for row in store.rows("nodes") if isinstance(row, NodeRow)}
    kind, _, name = (options.target or "").partition("/")
    if not kind:
        namespace = "" if options.all_namespaces or store.start is None else store.start.namespace
        wanted = _one_a_workload(pods, namespace) if namespace else []
        return _bounded(wanted, list(nodes.values()), pods)
    if kind in ("node", "nodes") and name in nodes:
        return Selection((), [nodes[name]])
    if kind in ("ns", "namespace"):
        wanted = _one_a_workload(pods, name)
        return _bounded(wanted, _nodes_of(wanted, nodes), pods)
    named = name if kind in ("pod", "pods") else options.target
    return _named_pod(named, options.target, pods, nodes)


def _named_pod(
    name: str, target: str, pods: Sequence[PodRow], nodes: Mapping[str, NodeRow]
) -> Selection:
    matching = [pod for pod in pods if f"{pod.namespace}/{pod.name}" == name]
    if not matching:
        raise ConfigError(
            f"There is no {target!r}: name a pod as NAMESPACE/POD, or node/NAME, or ns/NAME."
        )
    return Selection(matching, _nodes_of(matching, nodes))


def _nodes_of(pods: Sequence[PodRow], nodes: Mapping[str, NodeRow]) -> list[NodeRow]:
    names = dict.fromkeys(pod.node for pod in pods)
    return [nodes[name] for name in names if name in nodes]


def _one_a_workload(pods: Sequence[PodRow], namespace: str) -> list[PodRow]:
    """One running pod of each workload on each node."""
    first: dict[tuple[str, str], PodRow] = {}
    for pod in pods:
        if pod.namespace == namespace and pod.phase == "Running":
            first.setdefault((pod.workload or pod.name, pod.node), pod)
    return list(first.values())


def _bounded(
    wanted: Sequence[PodRow], nodes: Sequence[NodeRow], pods: Sequence[PodRow]
) -> Selection:
    """Not more than a cluster bears at once: pods of which some container is not ready first, and
    the nodes that have most of such."""
    not_ready = Counter(pod.node for pod in pods if _is_not_ready(pod))
    few = sorted(wanted, key=lambda pod: not _is_not_ready(pod))[:MOST_PODS]
    own = {pod.node for pod in few}
    some = sorted(nodes, key=lambda node: (node.name not in own, -not_ready[node.name], node.name))
    some = some[:MOST_NODES]
    notes = [
        *_passed_over(len(few), len(wanted), "pods", "NAMESPACE/POD"),
        *_passed_over(len(some), len(nodes), "nodes", "node/NAME"),
    ]
    return Selection(few, some, notes)


def _passed_over(count: int, of: int, what: str, how: str) -> list[str]:
    return [f"{count} of {of} {what} were looked at: name one as {how}"] if count < of else []


def _is_not_ready(pod: PodRow) -> bool:
    return not pod.all_ready and not pod.ended
