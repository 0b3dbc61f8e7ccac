"""Which pods and nodes a check attaches to."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from collectors.errors import ConfigError
from collectors.events import NodeRow, PodRow, Row
from collectors.frozen import frozen
from collectors.sanitize import sanitize
from diagnosis.reachability.end_kinds import NODE
from session.named_target import (
    OF_NAMESPACE,
    NamedTarget,
    can_be_entered,
    is_listed,
    located,
    named_target,
    node_of,
    pods_of,
)
from session.store import Store

MOST_PODS, MOST_NODES = 12, 12  # that are attached to in one check
SYSTEM = "kube-system"
OWN_LABEL = ("app.kubernetes.io/managed-by", "podwire")


@dataclass(frozen=True, slots=True)
class Selection:
    """`notes` say of how many others, of which it was asked, nothing is looked at. `all_pods` are
    those that run, `all_nodes` those there are where it was asked. `namespace`: of it alone, and of
    what it depends on, findings are wanted; '' for all."""

    pods: Sequence[PodRow]
    nodes: Sequence[NodeRow]
    notes: Sequence[str] = ()
    all_pods: int = 0
    all_nodes: int = 0
    namespace: str = ""


@frozen
class _Inventory:
    pods: Sequence[PodRow]
    nodes: Mapping[str, NodeRow]

    def running(self, namespace: str) -> list[PodRow]:
        """Of a namespace, '' for all; podwire's own pods are none of them."""
        return [
            pod
            for pod in self.pods
            if pod.phase == "Running"
            and namespace in ("", pod.namespace)
            and OWN_LABEL not in pod.labels
        ]


def selection(options: argparse.Namespace, store: Store) -> Selection:
    """A pod with its node, a node, pods of a workload, a Service or a namespace (one a workload and
    node) with theirs, or those of the namespace that is asked for, or of all, with every node.

    ConfigError where the target that was named is not there.
    """
    known = _inventory(store)
    own = "" if options.all_namespaces or store.start is None else store.start.namespace
    if not options.target:
        return _bounded(known.running(own), list(known.nodes.values()), known.pods)
    target = named_target(options.target, own)
    if target.kind == NODE:
        is_listed(target, store)
        return Selection((), [node_of(target, store)], all_nodes=1)
    if target.kind == OF_NAMESPACE:
        return _namespace(target.name, store, known)
    return _named(target, store, known)


def _inventory(store: Store) -> _Inventory:
    pods = store.pods()
    return _Inventory(pods, _by_name(store.rows("nodes")))


def _by_name(rows: Iterable[Row]) -> dict[str, NodeRow]:
    return {row.name: row for row in rows if isinstance(row, NodeRow)}


def _namespace(name: str, store: Store, known: _Inventory) -> Selection:
    listed = store.coverage("namespaces").state == "complete"
    if not name or (listed and store.listing("namespaces").get("", name) is None):
        raise ConfigError(f"There is no namespace {sanitize(name, 80)!r}.")
    running = known.running(name)
    selected = _bounded(running, _nodes_of(running, known.nodes), known.pods)
    return replace(selected, namespace=name)


def _named(target: NamedTarget, store: Store, known: _Inventory) -> Selection:
    """The pod that is named with its node; of a workload or Service one a node, with theirs. Of a
    Service without pods its objects: that it has none is what is found."""
    is_listed(target, store)
    target = located(target, store)
    found = pods_of(target, store)
    nodes = _nodes_of(found, known.nodes)
    if len(found) == 1:
        named = Selection(found, nodes, all_pods=1, all_nodes=len(nodes))
    else:
        named = _bounded([pod for pod in found if can_be_entered(pod)], nodes, known.pods)
    return replace(named, namespace=target.namespace)


def _nodes_of(pods: Sequence[PodRow], nodes: Mapping[str, NodeRow]) -> list[NodeRow]:
    names = dict.fromkeys(pod.node for pod in pods)
    return [nodes[name] for name in names if name in nodes]


def _one_a_workload(pods: Sequence[PodRow]) -> list[PodRow]:
    """Of each workload on each node the one that is in trouble, else any."""
    first: dict[tuple[str, str, str], PodRow] = {}
    for pod in sorted(pods, key=_is_not_ready, reverse=True):
        first.setdefault((pod.namespace, pod.workload or pod.name, pod.node), pod)
    return list(first.values())


def _bounded(
    running: Sequence[PodRow], nodes: Sequence[NodeRow], pods: Sequence[PodRow]
) -> Selection:
    """Not more than a cluster bears at once: pods of which some container is not ready first, and
    the nodes that have most of such."""
    wanted = _one_a_workload(running)
    few = _spread(wanted)[:MOST_PODS]
    some = _nodes_by_need(nodes, few, pods)[:MOST_NODES]
    notes = [
        *_passed_over(len(few), len(wanted), "pods", "NAMESPACE/POD"),
        *_passed_over(len(some), len(nodes), "nodes", "node/NAME"),
    ]
    return Selection(few, some, notes, all_pods=len(running), all_nodes=len(nodes))


def _nodes_by_need(
    nodes: Sequence[NodeRow], chosen: Sequence[PodRow], pods: Sequence[PodRow]
) -> list[NodeRow]:
    """Those of the chosen pods first, each with most pods in trouble before."""
    not_ready = Counter(pod.node for pod in pods if _is_not_ready(pod))
    own = {pod.node for pod in chosen}
    return sorted(nodes, key=lambda node: (node.name not in own, -not_ready[node.name], node.name))


def _spread(pods: Sequence[PodRow]) -> list[PodRow]:
    """Those in trouble first; then a pod of every workload before a second one of any, and those of
    the cluster's own namespace last."""
    seen = Counter[tuple[str, str]]()
    ranked = []
    for pod in pods:
        workload = pod.namespace, pod.workload or pod.name
        ranked.append((not _is_not_ready(pod), seen[workload], pod.namespace == SYSTEM, pod))
        seen[workload] += 1
    return [pod for *_, pod in sorted(ranked, key=lambda row: row[:3])]


def _passed_over(count: int, of: int, what: str, how: str) -> list[str]:
    return [f"{count} of {of} {what} were chosen: name one as {how}"] if count < of else []


def _is_not_ready(pod: PodRow) -> bool:
    return not pod.all_ready and not pod.ended
